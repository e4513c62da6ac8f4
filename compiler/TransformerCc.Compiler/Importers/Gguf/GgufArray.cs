namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>An array of the metadata: checked when the file is opened, decoded when it is asked for.</summary>
public sealed class GgufArray
{
    private readonly FileMap _file;
    private readonly long _start;
    private readonly bool _hasShortCounts;

    /// <param name="start">The first byte of the first element; every element was found to lie in the file.</param>
    internal GgufArray(GgufValueType type, int count, FileMap file, long start, bool hasShortCounts) =>
        (Type, Count, _file, _start, _hasShortCounts) = (type, count, file, start, hasShortCounts);

    public GgufValueType Type { get; }

    public int Count { get; }

    /// <summary>The elements of an array of strings; null for any other.</summary>
    public string[]? Strings()
    {
        if (Type != GgufValueType.String)
        {
            return null;
        }
        GgufCursor cursor = Cursor();
        var texts = new string[Count];
        for (int i = 0; i < Count; i++)
        {
            texts[i] = cursor.Text("a string");
        }
        return texts;
    }

    /// <summary>The elements of an array of integers; null for any other.</summary>
    public long[]? Integers() => Scalars(v => v.Integer);

    /// <summary>The elements of an array of floats or integers; null for any other.</summary>
    public double[]? Numbers() => Scalars(v => v.Number);

    /// <summary>The elements of an array of booleans; null for any other.</summary>
    public bool[]? Flags() => Scalars(v => v.Flag);

    private T[]? Scalars<T>(Func<GgufValue, T?> read) where T : struct
    {
        if (Type.Size() == 0)
        {
            return null;
        }
        GgufCursor cursor = Cursor();
        var values = new T[Count];
        for (int i = 0; i < Count; i++)
        {
            if (read(new GgufValue(Type, cursor.Scalar(Type, "an element"))) is not { } value)
            {
                return null;
            }
            values[i] = value;
        }
        return values;
    }

    private GgufCursor Cursor() => new(_file, _start) { HasShortCounts = _hasShortCounts };
}
