using System.Diagnostics;
using System.Runtime.CompilerServices;
using FsCheck.Xunit;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Isa;

namespace TransformerCc.Tests.GraphIR;

/// <summary>Printing and parsing are inverse, and no text makes the parser fail otherwise than with diagnostics.</summary>
public sealed class GraphTextTests
{
    /// <summary>Uses every construct of the grammar.</summary>
    private const string Example = """
        graph "every \"construct\" \u00e9" {
          dim batch in 1..4096
          dim past in 0..4096
          input %tokens : i64[batch, past + 2]
          const %embedding : f32[64, 12] = #1f2e
          const %pair : f32[2] = {1, -2.5}
          const %tiny : f64[] = 1E-300
          const %half : f16[] = 0.5
          const %odd : f32[3] = {nan, inf, -inf}
          const %flags : bool[2] = {true, false}
          const %empty : u64[0, 3] = {}
          %x : f32[batch, past + 2, 12] = gather(%embedding, %tokens) {axis = 0} from "node/1", "node \\ 2"
          %capped~1 : f32[batch, past + 2, 12] = unary(%x) {function = soft_cap, parameter = 0.1f}
          %sum : f32[batch, 1, 12] = reduce(%capped~1) {function = sum, axes = [1], keep_dims}
          %r : i64[floordiv(past, 2) + 1] = iota() {type = i64, shape = [floordiv(past, 2) + 1], axis = 0, start = [-batch], step = -2}
          output "logits" = %sum
          output "range" = %r
          output "pair" = %pair
          output "tiny" = %tiny
          output "half" = %half
          output "odd" = %odd
          output "flags" = %flags
          output "empty" = %empty
        }

        """;

    [Fact]
    public void Example_prints_as_it_was_written() => Assert.Equal(Example, GraphPrinter.Print(GraphParser.Parse(Example)));

    [Fact]
    public void Example_of_the_README_is_true()
    {
        string readme = File.ReadAllText(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../../compiler/TransformerCc.Compiler/GraphIR/README.md"));
        string example = readme.Split("```")[1].TrimStart();
        Assert.Equal(example, GraphPrinter.Print(GraphParser.Parse(example)));

        static string ThisFile([CallerFilePath] string file = "") => file;
    }

    [Property(MaxTest = 300)]
    public bool Printing_what_was_parsed_gives_the_same_text(int seed)
    {
        Graph graph = RandomGraphs.Make(seed);
        Assert.Empty(GraphVerifier.Verify(graph));
        string text = GraphPrinter.Print(graph);
        Assert.Equal(text, GraphPrinter.Print(GraphParser.Parse(text)));
        return graph.Nodes.Select(n => n.Op).SequenceEqual(GraphParser.Parse(text).Nodes.Select(n => n.Op));
    }

    [Fact]
    public void Labels_give_the_same_data_each_time_and_other_data_for_another_label()
    {
        const string text = "const %a : f32[9, 9] = #one\nconst %b : f32[9, 9] = #one\nconst %c : f32[9, 9] = #two\noutput \"a\" = %a\noutput \"b\" = %b\noutput \"c\" = %c";
        Graph graph = GraphTexts.Parse(text);
        byte[] Data(int i) => graph.Outputs[i].Value.ConstantData!.Data.ToArray();
        Assert.Equal(Data(0), Data(1));
        Assert.NotEqual(Data(0), Data(2));
        Assert.All(graph.Outputs[0].Value.ConstantData!.AsSpan<float>().ToArray(), v => Assert.InRange(v, -1, 1));
    }

    [Fact]
    public void A_constant_without_elements_has_no_place_for_its_number() =>
        Assert.Equal(0, GraphTexts.Parse("const %c : f32[3, 0] = 1\noutput \"c\" = %c").Outputs[0].Value.ConstantData!.Count);

    [Theory]
    [InlineData("%y : f32[4] = unary(%x) {function = exp}\n%z : f32[4] = unary(%y) {function = exp}\n%z : f32[4] = nothing(%q)", "%x is not defined above", "%z is defined twice")]
    [InlineData("dim n in 1..2\ndim n in 1..2\nconst %c : f32[n] = 1", "dim n is declared twice", "must not hold symbols")]
    [InlineData("const %c : u8[2] = {1, 256}\nconst %d : f32[3] = {1, 2}", "'256' is not an element of u8", "2 numbers for 3 elements")]
    [InlineData("const %c : f32[99999999, 99999999] = #x\nconst %d : f32[9999999999999, 9999999999999] = 0", "hold at most", "overflow")]
    [InlineData("%y : f32[4 = unary(", "mismatched input '='", null)]
    [InlineData("$", "token recognition error", null)]
    [InlineData("input %x : f32[floordiv(n, 0)]\ninput %y : f32[n + m]", "division by zero", null)]
    public void Every_problem_is_reported_with_its_place(string statements, string first, string? second)
    {
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphTexts.Parse(statements));
        Assert.Contains(first, e.Diagnostics[0].Message, StringComparison.Ordinal);
        Assert.Contains("line", e.Diagnostics[0].Location, StringComparison.Ordinal);
        if (second is not null)
        {
            Assert.Contains(second, e.Diagnostics[1].Message, StringComparison.Ordinal);
        }
    }

    [Property(MaxTest = 300)]
    public void Damaged_text_gives_diagnostics_and_nothing_else(int seed)
    {
        var random = new Random(seed);
        var text = new System.Text.StringBuilder(Example);
        const string pieces = "{}[]()%#\"=,:.-+*/0123456789aefn \n\\";
        for (int edits = random.Next(1, 8); edits > 0; edits--)
        {
            int at = random.Next(text.Length), length = random.Next(1, 6);
            switch (random.Next(3))
            {
                case 0: text.Remove(at, int.Min(length, text.Length - at)); break;
                case 1: text.Insert(at, pieces[random.Next(pieces.Length)]); break;
                default: text.Insert(at, text.ToString(random.Next(text.Length - 8), length)); break;
            }
        }
        try
        {
            GraphParser.Parse(text.ToString());
        }
        catch (DiagnosticException e)
        {
            Assert.NotEmpty(e.Diagnostics);
        }
    }

    public static TheoryData<string, string> Bombs => new()
    {
        { "nesting", $"graph \"g\" {{ input %x : f32[{new string('(', 100_000)}1] }}" },
        { "garbage", new string('$', 100_000) },
        { "characters", new string(' ', GraphParser.MaxCharacters + 1) },
        { "brackets", new string('[', 100_000) },
        { "terms", $"graph \"g\" {{ input %x : f32[{string.Join('*', Enumerable.Repeat("(a+b+c+d)", 200))}] }}" },
        { "digits", $"graph \"g\" {{ input %x : f32[{new string('9', 100_000)}] }}" },
        { "rank", $"graph \"g\" {{ input %x : f32[{string.Join(',', Enumerable.Repeat("1", 100_000))}] }}" },
        { "unterminated", "graph \"g" + new string('a', 100_000) },
    };

    [Theory]
    [MemberData(nameof(Bombs))]
    public void Small_texts_cannot_ask_for_much(string name, string text)
    {
        Assert.NotEmpty(name);
        var clock = Stopwatch.StartNew();
        Assert.Throws<DiagnosticException>(() => GraphParser.Parse(text));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 20);
    }
}
