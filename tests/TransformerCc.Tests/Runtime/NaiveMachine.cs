using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Runtime;

/// <summary>
/// The loop nests of the instruction set, written down element by element over byte arrays: what the emulator's kernels
/// are compared with. Vector instructions are in <see cref="NaiveVector"/>.
/// </summary>
internal sealed class NaiveMachine(byte[][] memories, long dramBase, long[] registers)
{
    public long[] Registers => registers;

    public void Execute(Instruction instruction)
    {
        switch (instruction)
        {
            case LoadWeights i: Block(i.Dst, ElementType.U8, new(0, 0, 1), i.Src, ElementType.U8, new(0, 0, 1), new(1, 1, i.Bytes)); break;
            case Load i: Block(i.Dst, i.DstFormat, new(i.DstOuterStride, i.DstMiddleStride, i.DstInnerStride), i.Src, i.SrcFormat, i.SrcStride, i.Count); break;
            case Store i: Move(MemorySpace.Dram, At(i.Dst), i.DstFormat, i.DstStride, i.Src.Space, At(i.Src), i.SrcFormat, new(i.SrcOuterStride, i.SrcMiddleStride, i.SrcInnerStride), i.Count); break;
            case Copy i: Move(i.Dst.Space, At(i.Dst), i.DstFormat, i.DstStride, i.Src.Space, At(i.Src), i.SrcFormat, i.SrcStride, i.Count); break;
            case Gather i: Gather(i); break;
            case Scatter i: Scatter(i); break;
            case Fill i: Fill(i); break;
            case MatMul i: MatMul(i); break;
            default: NaiveVector.Execute(this, instruction); break;
        }
    }

    public long Value(Dim d) => d.IsRegister ? registers[d.Register.Index] : d.Immediate;

    public long At(ScratchAddress a) => registers[a.Base.Index] + a.Offset;

    public long At(VectorOperand o, long row, long column) => At(o.Address) + (row * Value(o.RowStride)) + (o.ColumnStride == 0 ? 0 : column * o.Format.Size());

    public float ReadFloat(MemorySpace space, long address, ElementType format)
    {
        float[] value = new float[1];
        NumericFormat.WidenToF32(format, Bytes(space, address, format.Size()), value);
        return value[0];
    }

    public long ReadInteger(MemorySpace space, long address, ElementType format)
    {
        long[] value = new long[1];
        NumericFormat.WidenToInt64(format, Bytes(space, address, format.Size()), value);
        return value[0];
    }

    public void Write(MemorySpace space, long address, ElementType format, float value) => NumericFormat.NarrowFromF32(format, [value], Bytes(space, address, format.Size()));

    public void Write(MemorySpace space, long address, ElementType format, long value) => NumericFormat.NarrowFromInt64(format, [value], Bytes(space, address, format.Size()));

    public static bool IsInteger(ElementType format) => format.IsInteger() || format == ElementType.Bool;

    private long At(DramAddress a) => registers[a.Base.Index] + a.Offset;

    private Span<byte> Bytes(MemorySpace space, long address, int count) =>
        memories[(int)space].AsSpan((int)(space == MemorySpace.Dram ? address - dramBase : address), count);

    private void Block(ScratchAddress dst, ElementType dstFormat, Dim3 dstStride, DramAddress src, ElementType srcFormat, Dim3 srcStride, Dim3 count) =>
        Move(dst.Space, At(dst), dstFormat, dstStride, MemorySpace.Dram, At(src), srcFormat, srcStride, count);

    private void Move(MemorySpace dstSpace, long dst, ElementType dstFormat, Dim3 dstStride, MemorySpace srcSpace, long src, ElementType srcFormat, Dim3 srcStride, Dim3 count)
    {
        for (long a = 0; a < Value(count.Outer); a++)
        {
            for (long b = 0; b < Value(count.Middle); b++)
            {
                for (long c = 0; c < Value(count.Inner); c++)
                {
                    long to = dst + (a * Value(dstStride.Outer)) + (b * Value(dstStride.Middle)) + (c * Value(dstStride.Inner));
                    long from = src + (a * Value(srcStride.Outer)) + (b * Value(srcStride.Middle)) + (c * Value(srcStride.Inner));
                    Convert(dstSpace, to, dstFormat, srcSpace, from, srcFormat);
                }
            }
        }
    }

    private void Convert(MemorySpace dstSpace, long dst, ElementType dstFormat, MemorySpace srcSpace, long src, ElementType srcFormat)
    {
        if (dstFormat == srcFormat)
        {
            Bytes(srcSpace, src, srcFormat.Size()).CopyTo(Bytes(dstSpace, dst, dstFormat.Size()));
        }
        else if (IsInteger(srcFormat))
        {
            Write(dstSpace, dst, dstFormat, ReadInteger(srcSpace, src, srcFormat));
        }
        else
        {
            Write(dstSpace, dst, dstFormat, ReadFloat(srcSpace, src, srcFormat));
        }
    }

    private void Gather(Gather i)
    {
        for (long r = 0; r < Value(i.Rows); r++)
        {
            long index = ReadInteger(MemorySpace.Asp, At(i.Indices) + (r * i.IndexFormat.Size()), i.IndexFormat);
            index += index < 0 ? Value(i.TableRows) : 0;
            for (long c = 0; c < Value(i.Columns); c++)
            {
                if (i.TableFormat.Block is { } format)
                {
                    long block = At(i.Table) + (index * Value(i.TableRowStride)) + (c / format.BlockLength * format.BlockBytes);
                    float[] values = new float[format.BlockLength];
                    format.Decode(Bytes(MemorySpace.Dram, block, format.BlockBytes), values);
                    Write(MemorySpace.Asp, At(i.Dst) + (r * Value(i.DstRowStride)) + (c * i.DstFormat.Size()), i.DstFormat, values[c % format.BlockLength]);
                    continue;
                }
                Convert(MemorySpace.Asp, At(i.Dst) + (r * Value(i.DstRowStride)) + (c * i.DstFormat.Size()), i.DstFormat,
                    MemorySpace.Dram, At(i.Table) + (index * Value(i.TableRowStride)) + (c * i.TableFormat.Element.Size()), i.TableFormat.Element);
            }
        }
    }

    private void Scatter(Scatter i)
    {
        for (long r = 0; r < Value(i.Rows); r++)
        {
            long index = ReadInteger(MemorySpace.Asp, At(i.Indices) + (r * i.IndexFormat.Size()), i.IndexFormat);
            index += index < 0 ? Value(i.TableRows) : 0;
            for (long c = 0; c < Value(i.Columns); c++)
            {
                long dst = At(i.Dst) + (index * Value(i.DstRowStride)) + (c * i.DstFormat.Size()), src = At(i.Src) + (r * Value(i.SrcRowStride)) + (c * i.SrcFormat.Size());
                if (i.Mode == ScatterMode.Replace)
                {
                    Convert(MemorySpace.Dram, dst, i.DstFormat, MemorySpace.Asp, src, i.SrcFormat);
                }
                else if (IsInteger(i.DstFormat) && IsInteger(i.SrcFormat))
                {
                    (long t, long v) = (ReadInteger(MemorySpace.Dram, dst, i.DstFormat), ReadInteger(MemorySpace.Asp, src, i.SrcFormat));
                    Write(MemorySpace.Dram, dst, i.DstFormat, i.Mode switch { ScatterMode.Add => t + v, ScatterMode.Multiply => t * v, ScatterMode.Min => Math.Min(t, v), _ => Math.Max(t, v) });
                }
                else
                {
                    (float t, float v) = (ReadFloat(MemorySpace.Dram, dst, i.DstFormat), ReadFloat(MemorySpace.Asp, src, i.SrcFormat));
                    Write(MemorySpace.Dram, dst, i.DstFormat, i.Mode switch { ScatterMode.Add => t + v, ScatterMode.Multiply => t * v, ScatterMode.Min => MathF.Min(t, v), _ => MathF.Max(t, v) });
                }
            }
        }
    }

    private void Fill(Fill i)
    {
        for (long r = 0; r < Value(i.Rows); r++)
        {
            for (long c = 0; c < Value(i.Columns); c++)
            {
                BitConverter.GetBytes(registers[i.Value.Index]).AsSpan(0, i.Format.Size()).CopyTo(Bytes(i.Dst.Space, At(i.Dst) + (r * Value(i.RowStride)) + (c * i.Format.Size()), i.Format.Size()));
            }
        }
    }

    private void MatMul(MatMul i)
    {
        for (long row = 0; row < Value(i.M); row++)
        {
            for (long n = 0; n < Value(i.N); n++)
            {
                long result = At(i.Result) + (row * Value(i.ResultRowStride)) + (4 * n);
                if (i.AFormat is ElementType.I8 or ElementType.U8 && i.WFormat.Element is ElementType.I8 or ElementType.U8)
                {
                    IntegerDot(i, row, n, result);
                    continue;
                }
                float acc = i.Mode == AccumulateMode.Init ? 0f : ReadFloat(MemorySpace.Acc, result, ElementType.F32);
                if (i.WFormat.Block is { } format)
                {
                    Write(MemorySpace.Acc, result, ElementType.F32, BlockDot(i, format, row, n, acc));
                    continue;
                }
                for (long g = 0; g < Value(i.K); g += 32)
                {
                    float p = 0f;
                    for (long k = g; k < long.Min(g + 32, Value(i.K)); k++)
                    {
                        float a = ReadFloat(MemorySpace.Asp, At(i.A) + (row * Value(i.ARowStride)) + (k * i.AFormat.Size()), i.AFormat);
                        (long major, long minor) = i.Layout == PanelLayout.KByN ? (k, n) : (n, k);
                        p = MathF.FusedMultiplyAdd(a, ReadFloat(i.W.Space, At(i.W) + (major * Value(i.WRowStride)) + (minor * i.WFormat.Element.Size()), i.WFormat.Element), p);
                    }
                    acc += p;
                }
                Write(MemorySpace.Acc, result, ElementType.F32, acc);
            }
        }
    }

    private float BlockDot(MatMul i, BlockFormat format, long row, long n, float acc)
    {
        byte[] block = new byte[format.BlockBytes];
        for (long g = 0; g < Value(i.K); g += format.GroupSize)
        {
            (long b, long element) = long.DivRem(g, format.BlockLength);
            for (int j = 0; j < block.Length; j++)
            {
                block[j] = Bytes(i.W.Space, At(i.W) + (((b * format.BlockBytes) + j) * Value(i.WRowStride)) + n, 1)[0];
            }
            float p = 0f, sum = 0f;
            for (long k = g; k < long.Min(g + format.GroupSize, Value(i.K)); k++)
            {
                float a = ReadFloat(MemorySpace.Asp, At(i.A) + (row * Value(i.ARowStride)) + (k * i.AFormat.Size()), i.AFormat);
                p = MathF.FusedMultiplyAdd(a, format.Codes.Of(block, (int)(element + k - g)), p);
                sum += a;
            }
            int group = (int)(element / format.GroupSize);
            acc = MathF.FusedMultiplyAdd(format.Scale.Of(block, group), p, acc);
            if (format.Minimum is { } minimum)
            {
                acc = MathF.FusedMultiplyAdd(-minimum.Of(block, group), sum, acc);
            }
        }
        return acc;
    }

    private void IntegerDot(MatMul i, long row, long n, long result)
    {
        long acc = i.Mode == AccumulateMode.Init ? 0 : ReadInteger(MemorySpace.Acc, result, ElementType.I32);
        for (long k = 0; k < Value(i.K); k++)
        {
            (long major, long minor) = i.Layout == PanelLayout.KByN ? (k, n) : (n, k);
            acc += ReadInteger(MemorySpace.Asp, At(i.A) + (row * Value(i.ARowStride)) + k, i.AFormat) * ReadInteger(i.W.Space, At(i.W) + (major * Value(i.WRowStride)) + minor, i.WFormat.Element);
        }
        Write(MemorySpace.Acc, result, ElementType.I32, acc);
    }
}
