using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.TileIR;

/// <summary>The verifier accepts a good program and names each violation.</summary>
public sealed class TileVerifierTests
{
    private static readonly DimExpr s_n = DimExpr.Symbol("n"), s_unknown = DimExpr.Symbol("unknown");

    [Fact]
    public void Good_program_is_accepted() => Assert.Empty(TileVerifier.Verify(TilePrograms.Example()));

    public static TheoryData<string, string> Violations => new()
    {
        { "buffer declared twice", "TCC3001" },
        { "two buffers of one name", "TCC3001" },
        { "name of a ring slot", "TCC3001" },
        { "half a line", "TCC3002" },
        { "negative size", "TCC3002" },
        { "loop variable like a dimension", "TCC3003" },
        { "loop variable like an outer one", "TCC3003" },
        { "let like a dimension", "TCC3003" },
        { "buffer of an inner block", "TCC3004" },
        { "undeclared buffer", "TCC3004" },
        { "unknown symbol in a loop count", "TCC3005" },
        { "unknown symbol in a let", "TCC3005" },
        { "unknown symbol in an offset", "TCC3005" },
        { "unknown symbol in a stride", "TCC3005" },
        { "unknown symbol in a length", "TCC3005" },
        { "unknown symbol in a DRAM offset", "TCC3005" },
        { "loop variable after its loop", "TCC3005" },
        { "let after its block", "TCC3005" },
        { "more rows than said", "TCC3007" },
        { "more rows than said in some tile", "TCC3007" },
        { "more rows than said of unknown", "TCC3007" },
    };

    [Theory]
    [MemberData(nameof(Violations))]
    public void Violation_is_found(string what, string code)
    {
        TileProgram program = TilePrograms.Empty();
        Break(program, what);
        Assert.Equal([code], TileVerifier.Verify(program).Select(d => d.Code).Distinct());
    }

    private static void Break(TileProgram program, string what)
    {
        var b = new TileBuilder(program);
        List<TileBuffer> buffers = program.Body.Buffers;
        List<TileNode> nodes = program.Body.Nodes;
        TileBuffer Good() => b.Buffer("good", MemorySpace.Asp, 4096);
        switch (what)
        {
            case "buffer declared twice":
                buffers.Add(Good());
                break;
            case "two buffers of one name":
                buffers.Add(new TileBuffer(Good().Name, MemorySpace.Acc, 512));
                break;
            case "name of a ring slot":
                buffers.Add(new TileBuffer("ring0", MemorySpace.Asp, 64));
                break;
            case "half a line":
                buffers.Add(new TileBuffer("x", MemorySpace.Asp, 32));
                break;
            case "negative size":
                buffers.Add(new TileBuffer("x", MemorySpace.Asp, -64));
                break;
            case "loop variable like a dimension":
                nodes.Add(new TileLoop("n", 3));
                break;
            case "loop variable like an outer one":
                var outer = new TileLoop("i", 3);
                outer.Body.Nodes.Add(new TileLoop("i", 3));
                nodes.Add(outer);
                break;
            case "let like a dimension":
                nodes.Add(new TileLet("n", 3));
                break;
            case "buffer of an inner block":
                TileBuffer inner = null!;
                b.Loop("i", s_n, _ => inner = Good());
                Fill(b, inner, DimExpr.Zero);
                break;
            case "undeclared buffer":
                Fill(b, new TileBuffer("x", MemorySpace.Asp, 64), DimExpr.Zero);
                break;
            case "unknown symbol in a loop count":
                nodes.Add(new TileLoop("i", s_unknown + 1));
                break;
            case "unknown symbol in a let":
                nodes.Add(new TileLet("x", s_unknown * s_n));
                break;
            case "unknown symbol in an offset":
                Fill(b, Good(), s_unknown * 64);
                break;
            case "unknown symbol in a stride":
                VectorTile tile = new(Good(), DimExpr.Zero, s_unknown, ElementType.F32);
                b.Unary(UnaryOp.Exp, tile, tile, 1, 1);
                break;
            case "unknown symbol in a length":
                VectorTile whole = new(Good(), DimExpr.Zero, 64, ElementType.F32);
                b.Unary(UnaryOp.Exp, whole, whole, DimExpr.Min(s_unknown, 3), 1);
                break;
            case "unknown symbol in a DRAM offset":
                var x = new DramTensor("x", TensorKind.Input, ElementType.F32, [s_n]);
                program.Tensors.Add(x);
                var element = new Extent3(DimExpr.Zero, DimExpr.Zero, 4);
                b.Load(new StridedTile(Good(), DimExpr.Zero, ElementType.F32, element), new StridedDram(x, s_unknown, element), new Extent3(1, 1, 1));
                break;
            case "loop variable after its loop":
                DimExpr variable = DimExpr.Zero;
                b.Loop("i", s_n, i => variable = i);
                nodes.Add(new TileLet("late", variable + 1));
                break;
            case "more rows than said":
                RowsOf(b, Good(), 65);
                break;
            case "more rows than said in some tile":
                b.Loop("i", 3, i => RowsOf(b, Good(), b.Let("rows", DimExpr.Max(DimExpr.Zero, DimExpr.Min(i * 40, s_n)))));
                break;
            case "more rows than said of unknown":
                RowsOf(b, Good(), s_n);
                break;
            default:
                DimExpr named = DimExpr.Zero;
                b.Loop("i", s_n, i => named = b.Let("named", i * 2));
                nodes.Add(new TileLet("late", named + 1));
                break;
        }
    }

    /// <summary>A strip may be shorter than its room, empty, or as long: at no size is it longer.</summary>
    [Fact]
    public void Rows_are_proved_to_be_no_more_than_said()
    {
        TileProgram program = TilePrograms.Empty();
        var b = new TileBuilder(program);
        b.Loop("i", 3, i =>
        {
            DimExpr length = b.Let("length", DimExpr.Min(128, s_n - (i * 128)));
            RowsOf(b, b.Buffer("x", MemorySpace.Asp, 4096), b.Let("strip", DimExpr.Max(DimExpr.Zero, DimExpr.Min(64, length - 64))));
        });
        Assert.Empty(TileVerifier.Verify(program));
        Assert.Contains(" rows<=64\n", TilePrinter.Print(program), StringComparison.Ordinal);
    }

    /// <summary>A statement that says that it has 64 rows at most.</summary>
    private static void RowsOf(TileBuilder b, TileBuffer buffer, DimExpr rows)
    {
        VectorTile tile = new(buffer, DimExpr.Zero, 64, ElementType.F32);
        b.MostRows = 64;
        b.Unary(UnaryOp.Exp, tile, tile, rows, 1);
        b.MostRows = 0;
    }

    private static void Fill(TileBuilder b, TileBuffer buffer, DimExpr offset) =>
        b.Fill(new ScratchOperand(buffer, offset), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, 0);
}
