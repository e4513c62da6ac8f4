using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>One dimension of a strided copy between values; strides in bytes.</summary>
internal sealed record MoveAxis(DimExpr Count, DimExpr SourceStride, DimExpr TargetStride);

/// <summary>
/// Data movement: transposes, slices, concatenations, broadcasts, pads. From DRAM to DRAM it goes through a staging tile in
/// ASP; one transfer does where either side is resident.
/// </summary>
internal static class MovementLowering
{
    /// <summary>Share of ASP that a staging tile may take.</summary>
    private const int AspShare = 8;

    /// <summary>Lowers a movement operator; false when the node is none.</summary>
    public static bool TryLower(TilingContext context, Node node)
    {
        ValuePlace target = context.Storage.Place(node.Output);
        DimExpr[] targetStrides = ByteStrides.Of(node.Output.Type.Shape, target.Format.Size());
        switch (node.Op)
        {
            case Transpose transpose:
                {
                    (ValuePlace source, DimExpr[] strides) = Source(context, node.Inputs[0]);
                    Move(context, source, DimExpr.Zero, target, DimExpr.Zero,
                        [.. transpose.Permutation.Select((axis, i) => new MoveAxis(node.Output.Type.Shape[i], strides[(int)axis], targetStrides[i]))]);
                    return true;
                }
            case Slice slice:
                {
                    (ValuePlace source, DimExpr[] strides) = Source(context, node.Inputs[0]);
                    DimExpr offset = DimExpr.Zero;
                    for (int i = 0; i < strides.Length; i++)
                    {
                        offset += slice.Starts[i] * strides[i];
                    }
                    Reverse(0, offset, DimExpr.Zero, []);
                    return true;

                    // The DMA counts upwards only: a loop runs through an axis that is read backwards.
                    void Reverse(int axis, DimExpr from, DimExpr to, MoveAxis[] forwards)
                    {
                        if (axis == strides.Length)
                        {
                            Move(context, source, from, target, to, forwards);
                        }
                        else if (slice.Steps[axis] < 0)
                        {
                            context.Builder.Loop("reverse", slice.Sizes[axis], i => Reverse(axis + 1, from + (i * strides[axis] * slice.Steps[axis]), to + (i * targetStrides[axis]), forwards));
                        }
                        else
                        {
                            Reverse(axis + 1, from, to, [.. forwards, new MoveAxis(slice.Sizes[axis], strides[axis] * slice.Steps[axis], targetStrides[axis])]);
                        }
                    }
                }
            case Broadcast:
                {
                    (ValuePlace source, DimExpr[] strides) = Source(context, node.Inputs[0]);
                    EquatableArray<DimExpr> from = node.Inputs[0].Type.Shape;
                    int missing = targetStrides.Length - strides.Length;
                    Move(context, source, DimExpr.Zero, target, DimExpr.Zero,
                        [.. targetStrides.Select((t, i) => new MoveAxis(node.Output.Type.Shape[i], i < missing || from[i - missing].Is(1) ? DimExpr.Zero : strides[i - missing], t))]);
                    return true;
                }
            case Concat concat:
                {
                    DimExpr offset = DimExpr.Zero;
                    foreach (Value input in node.Inputs)
                    {
                        (ValuePlace source, DimExpr[] strides) = Source(context, input);
                        Move(context, source, DimExpr.Zero, target, offset, [.. strides.Select((s, i) => new MoveAxis(input.Type.Shape[i], s, targetStrides[i]))]);
                        offset += input.Type.Shape[concat.Axis] * targetStrides[concat.Axis];
                    }
                    return true;
                }
            case Pad pad when node.Inputs.Count == 1 || node.Inputs[1].IsConstant:
                {
                    (ValuePlace source, DimExpr[] strides) = Source(context, node.Inputs[0]);
                    FillAll(context, target, node.Output.Type.Count, node.Inputs.Count == 1 ? 0 : Bits(node.Inputs[1].ConstantData!));
                    DimExpr offset = DimExpr.Zero;
                    for (int i = 0; i < strides.Length; i++)
                    {
                        offset += pad.Before[i] * targetStrides[i];
                    }
                    Move(context, source, DimExpr.Zero, target, offset, [.. strides.Select((s, i) => new MoveAxis(node.Inputs[0].Type.Shape[i], s, targetStrides[i]))]);
                    return true;
                }
            default:
                return false;
        }
    }

    /// <summary>The whole of one tensor into another of the same element count.</summary>
    public static void CopyAll(TilingContext context, Value source, ValuePlace target)
    {
        ValuePlace from = context.Storage.Place(source);
        Move(context, from, DimExpr.Zero, target, DimExpr.Zero, [new MoveAxis(source.Type.Count, from.Format.Size(), target.Format.Size())]);
    }

    private static (ValuePlace, DimExpr[]) Source(TilingContext context, Value value)
    {
        ValuePlace place = context.Storage.Place(value);
        return (place, ByteStrides.Of(value.Type.Shape, place.Format.Size()));
    }

    private static long Bits(Tensor scalar)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        scalar.Data.Span[..scalar.Type.Size()].CopyTo(bytes);
        return BitConverter.ToInt64(bytes);
    }

    private static void Move(TilingContext context, ValuePlace source, DimExpr sourceOffset, ValuePlace target, DimExpr targetOffset, IReadOnlyList<MoveAxis> axes)
    {
        List<MoveAxis> merged = Merge(axes);
        int size = target.Format.Size();
        long room = long.Max(1, context.Chip.Memory.AspBytes / AspShare / size);
        var tile = new long[3];
        for (int i = 2; i >= 0; i--)
        {
            tile[i] = long.Clamp(context.Bound(merged[merged.Count - 3 + i].Count), 1, room);
            room = long.Max(1, room / tile[i]);
        }
        Outer(0, sourceOffset, targetOffset);

        void Outer(int axis, DimExpr from, DimExpr to)
        {
            MoveAxis a = merged[axis];
            if (axis < merged.Count - 3)
            {
                context.Builder.Loop("axis", a.Count, i => Outer(axis + 1, from + (i * a.SourceStride), to + (i * a.TargetStride)));
                return;
            }
            (MoveAxis x, MoveAxis y, MoveAxis z) = (merged[axis], merged[axis + 1], merged[axis + 2]);
            Extent3 sourceStride = new(x.SourceStride, y.SourceStride, z.SourceStride), targetStride = new(x.TargetStride, y.TargetStride, z.TargetStride);
            if (source.Buffer is { } resident)
            {
                target.From(to, targetStride).Write(context.Builder, new StridedTile(resident, from, source.Format, sourceStride), new Extent3(x.Count, y.Count, z.Count));
                return;
            }
            if (target.Buffer is { } kept)
            {
                Load(context, source, from, new StridedTile(kept, to, target.Format, targetStride), sourceStride, new Extent3(x.Count, y.Count, z.Count));
                return;
            }
            context.Tiles("outer", x.Count, tile[0], (x0, xs) => context.Tiles("middle", y.Count, tile[1], (y0, ys) => context.Tiles("inner", z.Count, tile[2], (z0, zs) =>
            {
                TileBuffer staging = context.Builder.Buffer("staging", MemorySpace.Asp, tile[0] * tile[1] * tile[2] * size);
                var place = new StridedTile(staging, DimExpr.Zero, target.Format, new Extent3(ys * zs * size, zs * size, size));
                var count = new Extent3(xs, ys, zs);
                Load(context, source, from + (x0 * x.SourceStride) + (y0 * y.SourceStride) + (z0 * z.SourceStride), place, sourceStride, count);
                target.From(to + (x0 * x.TargetStride) + (y0 * y.TargetStride) + (z0 * z.TargetStride), targetStride).Write(context.Builder, place, count);
            })));
        }
    }

    /// <summary>
    /// Reads a box along its runs in DRAM: elements that follow each other are the innermost axis, wherever they go in ASP. A
    /// transposition in the order of its result would read a burst for every element.
    /// </summary>
    private static void Load(TilingContext context, ValuePlace source, DimExpr from, StridedTile tile, Extent3 stride, Extent3 count)
    {
        int size = source.Format.Size();
        if (stride.Middle.Is(size) && !count.Middle.Is(1) && !stride.Inner.Is(size))
        {
            (stride, count) = (new Extent3(stride.Outer, stride.Inner, stride.Middle), new Extent3(count.Outer, count.Inner, count.Middle));
            tile = tile with { Stride = new Extent3(tile.Stride.Outer, tile.Stride.Inner, tile.Stride.Middle) };
        }
        else if (stride.Outer.Is(size) && !count.Outer.Is(1) && !stride.Inner.Is(size))
        {
            (stride, count) = (new Extent3(stride.Middle, stride.Inner, stride.Outer), new Extent3(count.Middle, count.Inner, count.Outer));
            tile = tile with { Stride = new Extent3(tile.Stride.Middle, tile.Stride.Inner, tile.Stride.Outer) };
        }
        source.From(from, stride).Read(context.Builder, tile, count);
    }

    /// <summary>Joins neighbours that are one run on both sides; at least three axes remain, the first of them trivial.</summary>
    private static List<MoveAxis> Merge(IReadOnlyList<MoveAxis> axes)
    {
        var merged = new List<MoveAxis>();
        foreach (MoveAxis axis in axes)
        {
            if (axis.Count.Is(1))
            {
                continue;
            }
            if (merged.Count > 0 && merged[^1].SourceStride == axis.SourceStride * axis.Count && merged[^1].TargetStride == axis.TargetStride * axis.Count)
            {
                merged[^1] = axis with { Count = merged[^1].Count * axis.Count };
            }
            else
            {
                merged.Add(axis);
            }
        }
        while (merged.Count < 3)
        {
            merged.Insert(0, new MoveAxis(DimExpr.One, DimExpr.Zero, DimExpr.Zero));
        }
        return merged;
    }

    private static void FillAll(TilingContext context, ValuePlace target, DimExpr count, long bits)
    {
        if (target.Buffer is { } resident)
        {
            context.Builder.Fill(new ScratchOperand(resident, DimExpr.Zero), target.Format, DimExpr.Zero, DimExpr.One, count, bits);
            return;
        }
        int size = target.Format.Size();
        long room = long.Min(context.Bound(count), context.Chip.Memory.AspBytes / AspShare / size);
        TileBuffer staging = context.Builder.Buffer("padding", MemorySpace.Asp, room * size);
        var stride = new Extent3(DimExpr.Zero, DimExpr.Zero, size);
        context.Builder.Fill(new ScratchOperand(staging, DimExpr.Zero), target.Format, DimExpr.Zero, DimExpr.One, room, bits);
        context.Tiles("padding", count, room, (start, length) =>
            target.From(start * size, stride).Write(context.Builder, new StridedTile(staging, DimExpr.Zero, target.Format, stride), new Extent3(DimExpr.One, DimExpr.One, length)));
    }
}
