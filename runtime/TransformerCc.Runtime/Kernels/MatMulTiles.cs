using System.Runtime.CompilerServices;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Kernels;

/// <summary>
/// The product in tiles: columns are cut into blocks, K into chunks, and per block and chunk W is packed as f32 rows of
/// one block, once for all rows of A. Tiles of six rows by two vectors keep twelve sums in registers; few rows (decode)
/// take one row by eight vectors instead. Sums of a group end in a tile buffer, which is read from and written to ACC
/// once per chunk. No bit depends on any of these choices: each element sees the same operations in the same order.
/// </summary>
internal static unsafe class MatMulTiles<TVector, TOps> where TVector : unmanaged where TOps : struct, IVectorOps<TVector>
{
    private const int TileRows = 6, WideVectors = 8, TileVectors = 2;

    /// <summary>Depth of a packed block: a multiple of the group, so that a block of W stays in the second-level cache.</summary>
    private const int ChunkK = 512;

    /// <summary>Rows from which a tile of six pays.</summary>
    private const int TallRows = 4;

    /// <summary>Rows from which packing f32 weights pays; below, they are read in place.</summary>
    private const int PackRows = 24;

    /// <summary>Multiply-adds from which several cores pay.</summary>
    private const long ParallelWork = 1 << 22;

    public static void Run(MatMulProblem p)
    {
        int width = TOps.Lanes * (p.M < TallRows ? WideVectors : TileVectors);
        int blocks = ((p.N - 1) / width) + 1;
        if ((long)p.M * p.N * p.K < ParallelWork || Environment.ProcessorCount == 1)
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
        float[] buffer = System.Buffers.ArrayPool<float>.Shared.Rent(ChunkK * width);
        fixed (float* packed = buffer)
        {
            for (int block = firstBlock; block < endBlock; block++)
            {
                int n0 = block * width, columns = int.Min(width, p.N - n0);
                bool inPlace = p.WFormat == ElementType.F32 && p.Layout == PanelLayout.KByN && columns == width && p.M < PackRows;
                for (int k0 = 0; k0 < p.K; k0 += ChunkK)
                {
                    int depth = int.Min(ChunkK, p.K - k0);
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
                    Rows(in p, w, wStride, width, n0, columns, k0, depth, firstRow, endRow);
                }
            }
        }
        System.Buffers.ArrayPool<float>.Shared.Return(buffer);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(in MatMulProblem p, float* w, long wStride, int width, int n0, int columns, int k0, int depth, int firstRow, int endRow)
    {
        float* tile = stackalloc float[TileRows * TileVectors * 16 > WideVectors * 16 ? TileRows * TileVectors * 16 : WideVectors * 16];
        int step = p.M < TallRows ? 1 : TileRows;
        for (int row = firstRow; row < endRow; row += step)
        {
            int rows = int.Min(step, endRow - row);
            float* a = p.A + (row * p.ARowStride) + k0;
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
                WideTile(a, w, wStride, tile, depth);
            }
            else
            {
                TallTile(a, p.ARowStride, rows, w, wStride, tile, depth);
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
    private static void TallTile(float* a, long aStride, int rows, float* w, long wStride, float* tile, int depth)
    {
        float* a0 = a, a1 = a + (aStride * int.Min(1, rows - 1)), a2 = a + (aStride * int.Min(2, rows - 1));
        float* a3 = a + (aStride * int.Min(3, rows - 1)), a4 = a + (aStride * int.Min(4, rows - 1)), a5 = a + (aStride * int.Min(5, rows - 1));
        int lanes = TOps.Lanes;
        for (int g = 0; g < depth; g += MatMul.GroupSize)
        {
            int end = int.Min(g + MatMul.GroupSize, depth);
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
            AddTo(tile, p00, p01);
            AddTo(tile + (2 * lanes), p10, p11);
            AddTo(tile + (4 * lanes), p20, p21);
            AddTo(tile + (6 * lanes), p30, p31);
            AddTo(tile + (8 * lanes), p40, p41);
            AddTo(tile + (10 * lanes), p50, p51);
        }
    }

    /// <summary>tile[0..8 vectors) += groups of a[·] · w, for one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WideTile(float* a, float* w, long wStride, float* tile, int depth)
    {
        int lanes = TOps.Lanes;
        for (int g = 0; g < depth; g += MatMul.GroupSize)
        {
            int end = int.Min(g + MatMul.GroupSize, depth);
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
            AddTo(tile, p0, p1);
            AddTo(tile + (2 * lanes), p2, p3);
            AddTo(tile + (4 * lanes), p4, p5);
            AddTo(tile + (6 * lanes), p6, p7);
        }
    }

    private static void AddTo(float* tile, TVector p0, TVector p1)
    {
        TOps.Store(tile, TOps.Add(TOps.Load(tile), p0));
        TOps.Store(tile + TOps.Lanes, TOps.Add(TOps.Load(tile + TOps.Lanes), p1));
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
                RowConversion.ReadFloats(p.WFormat, p.W + ((k0 + k) * p.WRowStride) + ((long)n0 * size), new Span<float>(packed + ((long)k * width), columns));
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
