using System.Runtime.CompilerServices;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Kernels;

/// <summary>
/// The product in tiles: columns are cut into blocks, K into chunks, and per block and chunk W is packed as f32 rows of
/// one block, once for all rows of A. Tiles of six rows by two vectors keep twelve sums in registers; few rows (decode)
/// take one row by eight vectors instead. Sums of a group end in a tile buffer, which is read from and written to ACC
/// once per chunk. No bit depends on any of these choices: each element sees the same operations in the same order.
/// </summary>
/// <remarks>
/// Weights in blocks are packed as codes, in chunks that stay in the first-level cache when there are few rows; at the end of a
/// group acc = fma(scale, p, acc). Plain weights have the scale 1, with which that is acc + p.
/// </remarks>
internal static unsafe class MatMulTiles<TVector, TOps> where TVector : unmanaged where TOps : struct, IVectorOps<TVector>
{
    private const int TileRows = 6, WideVectors = 8, TileVectors = 2;

    /// <summary>Depth of a packed block: a multiple of the group, so that a block of W stays in the second-level cache.</summary>
    private const int ChunkK = 512;

    /// <summary>The same for the codes of blocks when rows are few: they are used once and must not leave the first-level cache.</summary>
    private const int CodeChunkK = 64;

    /// <summary>Rows from which a tile of six pays.</summary>
    private const int TallRows = 4;

    /// <summary>Rows from which packing f32 weights pays; below, they are read in place.</summary>
    private const int PackRows = 24;

    /// <summary>Groups of a chunk, at most: the narrow ones.</summary>
    private const int MaxGroups = ChunkK / 16;

    /// <summary>Multiply-adds from which several cores pay; packing or reading a weight counts as <see cref="WeightWork"/> of them.</summary>
    private const long ParallelWork = 1 << 21, WeightWork = 4;

    public static void Run(MatMulProblem p)
    {
        int width = TOps.Lanes * (p.M < TallRows ? WideVectors : TileVectors);
        int blocks = ((p.N - 1) / width) + 1;
        if ((p.M + WeightWork) * p.N * p.K < ParallelWork || Environment.ProcessorCount == 1)
        {
            Work(p, width, 0, blocks, 0, p.M);
            return;
        }
        // Every task owns a rectangle of the result. Rows are cut only when columns give too few tasks.
        int wanted = Environment.ProcessorCount * 2;
        int columnTasks = int.Min(blocks, wanted);
        int rowTasks = int.Clamp(wanted / columnTasks, 1, ((p.M - 1) / PackRows) + 1);
        int rowsPerTask = ((((p.M - 1) / rowTasks) / TileRows) + 1) * TileRows;
        rowTasks = ((p.M - 1) / rowsPerTask) + 1;
        Parallel.For(0, columnTasks * rowTasks, task =>
        {
            (int c, int r) = (task % columnTasks, task / columnTasks);
            Work(p, width, (int)((long)blocks * c / columnTasks), (int)((long)blocks * (c + 1) / columnTasks), r * rowsPerTask, int.Min(p.M, (r + 1) * rowsPerTask));
        });
    }

    /// <summary>Column blocks [firstBlock, endBlock) of rows [firstRow, endRow).</summary>
    private static void Work(MatMulProblem p, int width, int firstBlock, int endBlock, int firstRow, int endRow)
    {
        float[] buffer = System.Buffers.ArrayPool<float>.Shared.Rent((ChunkK + (2 * MaxGroups)) * width);
        fixed (float* packed = buffer)
        {
            float* scales = packed + (ChunkK * width), minimums = scales + (MaxGroups * width);
            for (int block = firstBlock; block < endBlock; block++)
            {
                int n0 = block * width, columns = int.Min(width, p.N - n0);
                bool inPlace = p.WFormat == ElementType.F32 && p.Layout == PanelLayout.KByN && columns == width && p.M < PackRows;
                for (int k0 = 0; k0 < p.K; k0 += ChunkK)
                {
                    int depth = int.Min(ChunkK, p.K - k0);
                    if (p.Blocks is { } blocks)
                    {
                        Blocks(in p, blocks, packed, scales, minimums, width, n0, columns, k0, depth, firstRow, endRow);
                        continue;
                    }
                    float* w = packed;
                    long wStride = width;
                    if (inPlace)
                    {
                        w = (float*)(p.W + (k0 * p.WRowStride)) + n0;
                        wStride = p.WRowStride / sizeof(float);
                    }
                    else
                    {
                        Pack(in p, packed, width, n0, columns, k0, depth);
                    }
                    Rows(in p, w, wStride, default, width, n0, columns, k0, depth, firstRow, endRow);
                }
            }
        }
        System.Buffers.ArrayPool<float>.Shared.Return(buffer);
    }

    /// <summary>A chunk of a panel of blocks.</summary>
    private static void Blocks(in MatMulProblem p, BlockFormat format, float* codes, float* scales, float* minimums, int width, int n0, int columns, int k0, int depth, int firstRow, int endRow)
    {
        var panel = new BlockPanel(format, p.W, p.WRowStride);
        int step = p.M < TallRows ? CodeChunkK : ChunkK;
        if (columns < width && k0 == 0)
        {
            new Span<float>(codes, int.Min(step, depth) * width).Clear();
            new Span<float>(scales, 2 * MaxGroups * width).Clear();
        }
        panel.Scales(format.Scale, 1, k0, depth, n0, columns, scales, width);
        if (format.Minimum is { } minimum)
        {
            panel.Scales(minimum, -1, k0, depth, n0, columns, minimums, width);
        }
        for (int k = 0; k < depth; k += step)
        {
            int part = int.Min(step, depth - k), group = k / format.GroupSize;
            panel.Codes(k0 + k, part, n0, columns, codes, width);
            var groups = new GroupScales(scales + (group * width), format.HasMinimum ? minimums + (group * width) : null);
            Rows(in p, codes, width, groups, width, n0, columns, k0 + k, part, firstRow, endRow);
        }
    }

    /// <summary>Rows of one width, a row for each group; null for plain weights, and where a format has no minimum.</summary>
    private readonly struct GroupScales(float* scales, float* negativeMinimums)
    {
        public readonly float* Scales = scales, NegativeMinimums = negativeMinimums;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(in MatMulProblem p, float* w, long wStride, GroupScales groups, int width, int n0, int columns, int k0, int depth, int firstRow, int endRow)
    {
        int groupSize = p.Blocks?.GroupSize ?? MatMul.GroupSize;
        float* tile = stackalloc float[TileRows * TileVectors * 16 > WideVectors * 16 ? TileRows * TileVectors * 16 : WideVectors * 16];
        int step = p.M < TallRows ? 1 : TileRows;
        for (int row = firstRow; row < endRow; row += step)
        {
            int rows = int.Min(step, endRow - row);
            float* a = p.A + (row * p.ARowStride) + k0;
            float* sums = p.GroupSums + (row * p.GroupSumsStride) + (k0 / groupSize);
            float* result = p.Result + (row * p.ResultRowStride) + n0;
            bool start = p.Init && k0 == 0;
            for (int r = 0; r < step; r++)
            {
                var line = new Span<float>(tile + (r * width), width);
                line.Clear();
                if (!start && r < rows)
                {
                    new ReadOnlySpan<float>(result + (r * p.ResultRowStride), columns).CopyTo(line);
                }
            }
            if (step == 1)
            {
                WideTile(a, w, wStride, groups, sums, groupSize, tile, depth);
            }
            else
            {
                TallTile(a, p.ARowStride, rows, w, wStride, groups, sums, p.GroupSumsStride, groupSize, tile, depth);
            }
            for (int r = 0; r < rows; r++)
            {
                var line = new Span<float>(tile + (r * width), columns);
                FloatBits.Canonicalize(line);
                line.CopyTo(new Span<float>(result + (r * p.ResultRowStride), columns));
            }
        }
    }

    /// <summary>tile[r, 0..2 vectors) += groups of a[r, ·] · w, for six rows; missing rows repeat the last one and are dropped.</summary>
    /// <remarks>Optimised at its first call: a large product would else spend its first run in unoptimised code.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TallTile(float* a, long aStride, int rows, float* w, long wStride, GroupScales groups, float* sums, long sumsStride, int groupSize, float* tile, int depth)
    {
        float* a0 = a, a1 = a + (aStride * int.Min(1, rows - 1)), a2 = a + (aStride * int.Min(2, rows - 1));
        float* a3 = a + (aStride * int.Min(3, rows - 1)), a4 = a + (aStride * int.Min(4, rows - 1)), a5 = a + (aStride * int.Min(5, rows - 1));
        int lanes = TOps.Lanes;
        for (int g = 0, group = 0; g < depth; g += groupSize, group++)
        {
            int end = int.Min(g + groupSize, depth);
            TVector zero = TOps.Broadcast(0f);
            TVector p00 = zero, p01 = zero, p10 = zero, p11 = zero, p20 = zero, p21 = zero, p30 = zero, p31 = zero, p40 = zero, p41 = zero, p50 = zero, p51 = zero;
            float* row = w + (g * wStride);
            for (int k = g; k < end; k++, row += wStride)
            {
                TVector w0 = TOps.Load(row), w1 = TOps.Load(row + lanes);
                TVector x = TOps.Broadcast(a0[k]);
                p00 = TOps.FusedMultiplyAdd(x, w0, p00);
                p01 = TOps.FusedMultiplyAdd(x, w1, p01);
                x = TOps.Broadcast(a1[k]);
                p10 = TOps.FusedMultiplyAdd(x, w0, p10);
                p11 = TOps.FusedMultiplyAdd(x, w1, p11);
                x = TOps.Broadcast(a2[k]);
                p20 = TOps.FusedMultiplyAdd(x, w0, p20);
                p21 = TOps.FusedMultiplyAdd(x, w1, p21);
                x = TOps.Broadcast(a3[k]);
                p30 = TOps.FusedMultiplyAdd(x, w0, p30);
                p31 = TOps.FusedMultiplyAdd(x, w1, p31);
                x = TOps.Broadcast(a4[k]);
                p40 = TOps.FusedMultiplyAdd(x, w0, p40);
                p41 = TOps.FusedMultiplyAdd(x, w1, p41);
                x = TOps.Broadcast(a5[k]);
                p50 = TOps.FusedMultiplyAdd(x, w0, p50);
                p51 = TOps.FusedMultiplyAdd(x, w1, p51);
            }
            TVector s0 = TOps.Broadcast(1f), s1 = s0;
            if (groups.Scales != null)
            {
                s0 = TOps.Load(groups.Scales + (group * 2 * lanes));
                s1 = TOps.Load(groups.Scales + (group * 2 * lanes) + lanes);
            }
            AddTo(tile, s0, s1, p00, p01);
            AddTo(tile + (2 * lanes), s0, s1, p10, p11);
            AddTo(tile + (4 * lanes), s0, s1, p20, p21);
            AddTo(tile + (6 * lanes), s0, s1, p30, p31);
            AddTo(tile + (8 * lanes), s0, s1, p40, p41);
            AddTo(tile + (10 * lanes), s0, s1, p50, p51);
            if (groups.NegativeMinimums != null)
            {
                float* minimums = groups.NegativeMinimums + (group * 2 * lanes);
                for (int r = 0; r < rows; r++)
                {
                    SubtractMinimums(tile + (r * 2 * lanes), minimums, 2, sums[(r * sumsStride) + group]);
                }
            }
        }
    }

    /// <summary>tile[0..8 vectors) += groups of a[·] · w, for one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WideTile(float* a, float* w, long wStride, GroupScales groups, float* sums, int groupSize, float* tile, int depth)
    {
        int lanes = TOps.Lanes;
        for (int g = 0, group = 0; g < depth; g += groupSize, group++)
        {
            int end = int.Min(g + groupSize, depth);
            TVector zero = TOps.Broadcast(0f);
            TVector p0 = zero, p1 = zero, p2 = zero, p3 = zero, p4 = zero, p5 = zero, p6 = zero, p7 = zero;
            float* row = w + (g * wStride);
            for (int k = g; k < end; k++, row += wStride)
            {
                TVector x = TOps.Broadcast(a[k]);
                p0 = TOps.FusedMultiplyAdd(x, TOps.Load(row), p0);
                p1 = TOps.FusedMultiplyAdd(x, TOps.Load(row + lanes), p1);
                p2 = TOps.FusedMultiplyAdd(x, TOps.Load(row + (2 * lanes)), p2);
                p3 = TOps.FusedMultiplyAdd(x, TOps.Load(row + (3 * lanes)), p3);
                p4 = TOps.FusedMultiplyAdd(x, TOps.Load(row + (4 * lanes)), p4);
                p5 = TOps.FusedMultiplyAdd(x, TOps.Load(row + (5 * lanes)), p5);
                p6 = TOps.FusedMultiplyAdd(x, TOps.Load(row + (6 * lanes)), p6);
                p7 = TOps.FusedMultiplyAdd(x, TOps.Load(row + (7 * lanes)), p7);
            }
            if (groups.Scales == null)
            {
                TVector one = TOps.Broadcast(1f);
                AddTo(tile, one, one, p0, p1);
                AddTo(tile + (2 * lanes), one, one, p2, p3);
                AddTo(tile + (4 * lanes), one, one, p4, p5);
                AddTo(tile + (6 * lanes), one, one, p6, p7);
                continue;
            }
            float* s = groups.Scales + (group * WideVectors * lanes);
            AddTo(tile, TOps.Load(s), TOps.Load(s + lanes), p0, p1);
            AddTo(tile + (2 * lanes), TOps.Load(s + (2 * lanes)), TOps.Load(s + (3 * lanes)), p2, p3);
            AddTo(tile + (4 * lanes), TOps.Load(s + (4 * lanes)), TOps.Load(s + (5 * lanes)), p4, p5);
            AddTo(tile + (6 * lanes), TOps.Load(s + (6 * lanes)), TOps.Load(s + (7 * lanes)), p6, p7);
            if (groups.NegativeMinimums != null)
            {
                SubtractMinimums(tile, groups.NegativeMinimums + (group * WideVectors * lanes), WideVectors, sums[group]);
            }
        }
    }

    /// <summary>The end of a group: tile = fma(scale, p, tile).</summary>
    private static void AddTo(float* tile, TVector s0, TVector s1, TVector p0, TVector p1)
    {
        TOps.Store(tile, TOps.FusedMultiplyAdd(s0, p0, TOps.Load(tile)));
        TOps.Store(tile + TOps.Lanes, TOps.FusedMultiplyAdd(s1, p1, TOps.Load(tile + TOps.Lanes)));
    }

    /// <summary>tile = fma(−minimum, sum of the row's group, tile).</summary>
    private static void SubtractMinimums(float* tile, float* negativeMinimums, int vectors, float sum)
    {
        TVector s = TOps.Broadcast(sum);
        for (int v = 0; v < vectors; v++)
        {
            int at = v * TOps.Lanes;
            TOps.Store(tile + at, TOps.FusedMultiplyAdd(TOps.Load(negativeMinimums + at), s, TOps.Load(tile + at)));
        }
    }

    /// <summary>w[k0.., n0..] as f32 rows of <paramref name="width"/> columns; columns past the panel are zero and dropped later.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pack(in MatMulProblem p, float* packed, int width, int n0, int columns, int k0, int depth)
    {
        int size = p.WFormat.Size();
        if (columns < width)
        {
            new Span<float>(packed, depth * width).Clear();
        }
        if (p.Layout == PanelLayout.KByN)
        {
            for (int k = 0; k < depth; k++)
            {
                byte* source = p.W + ((k0 + k) * p.WRowStride) + ((long)n0 * size);
                var row = new Span<float>(packed + ((long)k * width), columns);
                if (p.WFormat == ElementType.F32)
                {
                    new ReadOnlySpan<float>(source, columns).CopyTo(row); // a conversion of few columns costs more than the copy
                    continue;
                }
                RowConversion.ReadFloats(p.WFormat, source, row);
            }
            return;
        }
        Span<float> line = stackalloc float[ChunkK];
        for (int n = 0; n < columns; n++)
        {
            RowConversion.ReadFloats(p.WFormat, p.W + ((n0 + n) * p.WRowStride) + ((long)k0 * size), line[..depth]);
            float* column = packed + n;
            for (int k = 0; k < depth; k++)
            {
                column[(long)k * width] = line[k];
            }
        }
    }
}
