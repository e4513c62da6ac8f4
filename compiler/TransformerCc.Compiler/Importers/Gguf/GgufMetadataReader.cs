namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>Reads the keys and values of a file: key (string), type (u32), value; arrays are element type, count, elements, and nest.</summary>
internal static class GgufMetadataReader
{
    private const int LongestKey = 65_535;
    private const int DeepestArray = 8;

    public static Dictionary<string, GgufValue> Read(GgufCursor cursor, int count)
    {
        var values = new Dictionary<string, GgufValue>(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            long at = cursor.Position;
            string key = cursor.Name("a key", LongestKey);
            GgufValue value = Value(cursor, key);
            if (!values.TryAdd(key, value))
            {
                throw cursor.Refuse(GgufCodes.BadValue, $"the key {key} appears twice", at);
            }
        }
        return values;
    }

    private static GgufValue Value(GgufCursor cursor, string key)
    {
        GgufValueType type = Type(cursor, key);
        if (type == GgufValueType.String)
        {
            return new GgufValue(cursor.Text(key));
        }
        if (type == GgufValueType.Array)
        {
            return new GgufValue(Array(cursor, key, depth: 1));
        }
        long at = cursor.Position;
        ulong bits = cursor.Scalar(type, key);
        return type != GgufValueType.Bool || bits <= 1 ? new GgufValue(type, bits)
            : throw cursor.Refuse(GgufCodes.BadValue, $"{key} is a bool of {bits}, neither 0 nor 1", at);
    }

    private static GgufArray Array(GgufCursor cursor, string key, int depth)
    {
        GgufValueType type = Type(cursor, key);
        long at = cursor.Position;
        ulong count = cursor.Count(key);
        // A string needs its length at least, an array its type and count.
        int smallest = type switch { GgufValueType.String => cursor.CountBytes, GgufValueType.Array => cursor.CountBytes + 4, _ => type.Size() };
        if (count > (ulong)(cursor.Remaining / smallest) || count > int.MaxValue)
        {
            throw cursor.Refuse(GgufCodes.Limit, $"{key} would have {count} elements of {type.Name()}; the {cursor.Remaining} bytes that follow cannot hold them", at);
        }
        if (depth > DeepestArray)
        {
            throw cursor.Refuse(GgufCodes.Limit, $"{key} nests arrays more than {DeepestArray} deep", at);
        }
        var array = new GgufArray(type, (int)count, cursor.File, cursor.Position, cursor.HasShortCounts);
        if (type.Size() > 0)
        {
            cursor.Skip((long)count * type.Size(), key);
            return array;
        }
        for (ulong i = 0; i < count; i++)
        {
            if (type == GgufValueType.String)
            {
                cursor.StringBytes(key);
            }
            else
            {
                Array(cursor, key, depth + 1);
            }
        }
        return array;
    }

    private static GgufValueType Type(GgufCursor cursor, string key)
    {
        long at = cursor.Position;
        uint type = cursor.U32($"the type of {key}");
        return type <= (uint)GgufValueType.F64 ? (GgufValueType)type
            : throw cursor.Refuse(GgufCodes.BadValue, $"{key} has the unknown value type {type}", at, "types 0 to 12 are defined; the file is damaged or newer than this tool");
    }
}
