namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>Order of the dimensions batch, head, sequence and width (of one head) of a tensor of heads.</summary>
public enum HeadLayout
{
    BHSD,
    BSHD,
    /// <summary>Keys, transposed as some exporters leave them.</summary>
    BHDS,
}

/// <summary>The axis of each dimension in a <see cref="HeadLayout"/>.</summary>
public readonly record struct HeadAxes(int Batch, int Head, int Sequence, int Width);

/// <summary>The mask operand of attention.</summary>
public enum MaskKind
{
    None,
    /// <summary>Added to the scaled scores.</summary>
    Additive,
    /// <summary>False hides the key.</summary>
    Boolean,
}

public static class HeadLayouts
{
    public static HeadAxes Axes(this HeadLayout layout) => layout switch
    {
        HeadLayout.BHSD => new(0, 1, 2, 3),
        HeadLayout.BSHD => new(0, 2, 1, 3),
        HeadLayout.BHDS => new(0, 1, 3, 2),
        _ => throw new ShapeException($"unknown layout {layout}"),
    };

    /// <summary>The dimensions of a shape in the order batch, head, sequence, width.</summary>
    public static (T Batch, T Head, T Sequence, T Width) Split<T>(this HeadLayout layout, ReadOnlySpan<T> shape)
    {
        HeadAxes axes = layout.Axes();
        return (shape[axes.Batch], shape[axes.Head], shape[axes.Sequence], shape[axes.Width]);
    }

    /// <summary>The shape in this layout of given dimensions.</summary>
    public static T[] Join<T>(this HeadLayout layout, T batch, T head, T sequence, T width) => layout switch
    {
        HeadLayout.BHSD => [batch, head, sequence, width],
        HeadLayout.BSHD => [batch, sequence, head, width],
        _ => [batch, head, width, sequence],
    };
}
