using System.Runtime.InteropServices;

namespace TransformerCc.Tests.LongTensors;

/// <summary>A file of holes with a few rows written: gigabytes that take no room.</summary>
internal static class SparseFile
{
    /// <summary>Where the offset of a byte no longer fits a signed 32-bit number.</summary>
    public const long Border = 1L << 31;

    /// <summary>The rows of a table that its readers must tell apart: the first two, those around the border, and the last.</summary>
    public static long[] Rows(long count, long rowBytes) => [0, 1, (Border / rowBytes) - 1, Border / rowBytes, (Border / rowBytes) + 1, count - 1];

    /// <summary>Writes rows of f32 at a multiple of their length from <paramref name="offset"/> on.</summary>
    public static void Write(string path, long offset, long length, long columns, IEnumerable<long> rows)
    {
        using FileStream file = Open(path, offset + length);
        foreach (long row in rows)
        {
            file.Position = offset + (row * columns * sizeof(float));
            file.Write(MemoryMarshal.AsBytes<float>(Row(row, columns)));
        }
    }

    public static FileStream Open(string path, long length)
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        file.SetLength(length);
        return file;
    }

    /// <summary>Numbers of a row: no two rows are alike.</summary>
    public static float[] Row(long row, long columns)
    {
        var random = new Random((int)(row % int.MaxValue));
        var values = new float[columns];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }
        return values;
    }
}
