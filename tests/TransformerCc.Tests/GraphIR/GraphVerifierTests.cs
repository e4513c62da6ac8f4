using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphIR;

/// <summary>Each way a pass can damage a graph is found, under its code and with the node's name.</summary>
public sealed class GraphVerifierTests
{
    private static Graph Sound() => GraphTexts.Parse("""
        dim n in 1..8
        input %x : f32[n, 4]
        const %c : f32[4] = 2
        %a : f32[n, 4] = binary(%x, %c) {function = add} from "first"
        %b : f32[n, 4] = unary(%a) {function = exp} from "second"
        output "y" = %b
        """);

    [Fact]
    public void Sound_graph_has_no_violation() => Assert.Empty(GraphVerifier.Verify(Sound()));

    public static TheoryData<string, string, string> Damages => new()
    {
        { "order", GraphVerifier.OrderCode, "%b = unary from \"second\"" },
        { "foreign value", GraphVerifier.OrderCode, "%b = unary from \"second\"" },
        { "cycle", GraphVerifier.CycleCode, "%a = binary from \"first\"; %b = unary from \"second\"" },
        { "node twice", GraphVerifier.AssignmentCode, "%b = unary from \"second\"" },
        { "stolen result", GraphVerifier.AssignmentCode, "%b = unary from \"second\"" },
        { "name", GraphVerifier.NameCode, "%a = unary" },
        { "type", GraphVerifier.TypeCode, "%a = binary from \"first\"" },
        { "operand", GraphVerifier.OperandCode, "%b = unary from \"second\"" },
        { "symbol", GraphVerifier.SymbolCode, "input %x" },
        { "attribute symbol", GraphVerifier.SymbolCode, "%iota = iota" },
        { "output", GraphVerifier.OutputCode, "output \"z\"" },
        { "output name", GraphVerifier.OutputCode, "output \"y\"" },
        { "dimension", GraphVerifier.DimensionCode, "dim n" },
        { "constant", GraphVerifier.ConstantCode, "%a = binary from \"first\"" },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void Damage_is_found(string damage, string code, string location)
    {
        Graph graph = Sound();
        (Node a, Node b) = (graph.Nodes[0], graph.Nodes[1]);
        switch (damage)
        {
            case "order": graph.Nodes.Reverse(); break;
            case "foreign value": b.Inputs[0] = new Value("elsewhere", b.Output.Type); break;
            case "cycle": a.Inputs[0] = b.Output; break;
            case "node twice": graph.Nodes.Add(b); break;
            case "stolen result": b.Output.Producer = a; break;
            case "name":
                var twin = new Node(new Unary(UnaryOp.Exp), [a.Output], []);
                twin.Outputs.Add(new Value("a", a.Output.Type) { Producer = twin });
                graph.Nodes.Add(twin);
                break;
            case "type": a.Output.Type = a.Output.Type with { Element = ElementType.F16 }; break;
            case "operand": b.Op = new Unary(UnaryOp.Not); break;
            case "symbol": graph.Dimensions.Remove("n"); break;
            case "attribute symbol": graph.Add(new Iota(ElementType.I64, [4], 0, DimExpr.Symbol("m"), 1), [], []); break;
            case "output": graph.Outputs.Add(new GraphOutput("z", new Value("nowhere", a.Output.Type))); break;
            case "output name": graph.Outputs.Add(graph.Outputs[0]); break;
            case "dimension": graph.Dimensions["n"] = new DimInterval(8, 1); break;
            case "constant": a.Inputs[1].Type = new TensorType(ElementType.F32, [1]); break;
        }
        Assert.Contains(GraphVerifier.Verify(graph), d => d.Code == code && d.Location == location);
    }
}
