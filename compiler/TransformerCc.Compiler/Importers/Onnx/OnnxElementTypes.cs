using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>The numbers of TensorProto.DataType (onnx.ai, TensorProto) and the element types of the graph.</summary>
internal static class OnnxElementTypes
{
    private static readonly (int Number, string Name, ElementType? Type)[] Table =
    [
        (1, "float", ElementType.F32),
        (2, "uint8", ElementType.U8),
        (3, "int8", ElementType.I8),
        (4, "uint16", ElementType.U16),
        (5, "int16", ElementType.I16),
        (6, "int32", ElementType.I32),
        (7, "int64", ElementType.I64),
        (8, "string", null),
        (9, "bool", ElementType.Bool),
        (10, "float16", ElementType.F16),
        (11, "double", ElementType.F64),
        (12, "uint32", ElementType.U32),
        (13, "uint64", ElementType.U64),
        (14, "complex64", null),
        (15, "complex128", null),
        (16, "bfloat16", ElementType.BF16),
        (17, "float8e4m3fn", ElementType.F8E4M3),
        (18, "float8e4m3fnuz", ElementType.F8E4M3FNUZ),
        (19, "float8e5m2", ElementType.F8E5M2),
        (20, "float8e5m2fnuz", ElementType.F8E5M2FNUZ),
        (21, "uint4", ElementType.U4),
        (22, "int4", ElementType.I4),
        (23, "float4e2m1", ElementType.F4E2M1),
        (24, "float8e8m0", ElementType.F8E8M0),
        (25, "uint2", ElementType.U2),
        (26, "int2", ElementType.I2),
    ];

    public static ElementType? Find(int number) => Array.Find(Table, e => e.Number == number).Type;

    /// <summary>The element type, or a refusal that names it.</summary>
    public static ElementType Require(long number) =>
        Find((int)number) ?? throw new ImportException(ImportCodes.ElementType, $"element type {Name((int)number)} is not supported");

    public static string Name(int number) => Array.Find(Table, e => e.Number == number).Name ?? $"type number {number}";

    public static int Number(ElementType type) => Array.Find(Table, e => e.Type == type).Number;
}
