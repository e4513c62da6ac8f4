using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphIR;

/// <summary>Shapes over symbols: what is accepted (the parser compares the written type with the inferred one) and what is refused, and why.</summary>
public sealed class ShapeRuleTests
{
    private const string Inputs = """
        dim b in 1..8
        dim s in 1..64
        dim past in 0..64
        input %x : f32[b, s, 64]
        input %y : f32[b, past, 64]
        input %ids : i64[b, s]
        input %q : f32[b, s, 8, 16]
        input %k : f32[b, past + s, 2, 16]
        input %image : f32[b, 3, s]
        const %w : f32[64, 12] = #w
        const %kernel : f32[4, 3, 3] = #kernel
        const %table : f32[100, 64] = #table
        const %one : f32[1, 64] = #one
        const %rows : f32[12, 64] = #rows
        const %blocks : u8[12, 68] = #blocks
        const %chosen : i64[5, 2] = #chosen
        const %tokens : f32[5, 64] = #tokens
        const %experts : u8[4, 12, 68] = #experts

        """;

    [Theory]
    [InlineData("f32[b, s, 64] = binary(%x, %one) {function = add}")]
    [InlineData("f32[b, past + s, 64] = concat(%y, %x) {axis = 1}")]
    [InlineData("f32[b*s, 64] = reshape(%x) {shape = [b*s, 64]}")]
    [InlineData("f32[b, s, 4, 16] = reshape(%x) {shape = [b, s, 4, 16]}")]
    [InlineData("f32[64, b, s] = transpose(%x) {permutation = [2, 0, 1]}")]
    [InlineData("f32[b, s, 12] = matmul(%x, %w)")]
    [InlineData("f32[b, s, 12] = linear(%x, %w)")]
    [InlineData("f32[b, s, 64] = gather(%table, %ids) {axis = 0}")]
    [InlineData("f32[b, s, 12] = linear(%x, %rows) {transposed}")]
    [InlineData("f32[b, s, 12] = linear(%x, %blocks) {transposed, weights = q8_0}")]
    [InlineData("f32[b, s, 50] = gather(%blocks, %ids) {axis = 0, format = q8_0, columns = 50}")]
    [InlineData("f32[12, 33] = dequantize_blocks(%blocks) {format = q8_0, columns = 33}")]
    [InlineData("f32[5, 2, 12] = expert_linear(%tokens, %chosen, %experts) {weights = q8_0}")]
    [InlineData("f32[b, 1, 64] = slice(%x) {starts = [0, s - 1, 0], sizes = [b, 1, 64], steps = [1, 1, 1]}")]
    [InlineData("f32[b, 64] = reduce(%x) {function = mean, axes = [1]}")]
    [InlineData("i64[b, s, 1] = reduce(%x) {function = arg_max, axes = [2], keep_dims}")]
    [InlineData("f32[b, s + 3, 64] = pad(%x) {before = [0, 1, 0], after = [0, 2, 0]}")]
    [InlineData("f32[b, 4, floordiv(s - 1, 2) + 1] = conv(%image, %kernel) {strides = [2], pads_before = [1], pads_after = [1], dilations = [1]}")]
    [InlineData("f32[b, 8, s, 16] = attention(%q, %k, %k) {query = bshd, key = bshd, value = bshd, result = bhsd, scale = 0.25, mask = none, causal_offset = [past]}")]
    [InlineData("i64[s, 1] = iota() {type = i64, shape = [s, 1], axis = 0, start = [past], step = 1}")]
    public void Symbolic_types_are_inferred(string node) => Assert.Single(GraphTexts.Parse($"{Inputs}%r : {node}\noutput \"r\" = %r").Nodes);

    [Theory]
    [InlineData("f32[b, s, 64] = binary(%x, %y) {function = add}", "s and past differ")]
    [InlineData("f32[b, s, 12] = linear(%x, %w) {transposed}", "the width of x is 64, the depth of w is 12")]
    [InlineData("f32[b, s, 12] = linear(%x, %blocks) {weights = q8_0}", "weights in blocks are transposed")]
    [InlineData("f32[b, s, 12] = linear(%x, %blocks) {transposed, weights = q4_0}", "64 elements of q4_0 take rows of 36 bytes, these have 68")]
    [InlineData("f32[b, s, 12] = linear(%x, %blocks) {transposed, weights = q9}", "'q9' is not a block format")]
    [InlineData("f32[12, 65] = dequantize_blocks(%blocks) {format = q8_0, columns = 65}", "65 elements of q8_0 take rows of 102 bytes, these have 68")]
    [InlineData("f32[12, 0] = dequantize_blocks(%blocks) {format = q8_0, columns = -1}", "-1 columns")]
    [InlineData("f32[5, 2, 12] = expert_linear(%tokens, %ids, %experts) {weights = q8_0}", "the tokens of x is 5, those of ids is b")]
    [InlineData("f32[b, s, 64] = binary(%x, %ids) {function = add}", "element types must be equal")]
    [InlineData("f32[b, s, 64] = binary(%x, %x) {function = and}", "And is not a function of f32")]
    [InlineData("f32[b, s, 32] = reshape(%x) {shape = [b, s, 32]}", "64*b*s elements are not provably 32*b*s")]
    [InlineData("f32[b, s, 64] = transpose(%x) {permutation = [0, 1, 1]}", "is not a permutation of 3 dimensions")]
    [InlineData("f32[b, past, 64] = broadcast(%x) {shape = [b, past, 64]}", "does not broadcast to")]
    [InlineData("f32[b, s, 65] = slice(%x) {starts = [0, 0, 0], sizes = [b, s, 65], steps = [1, 1, 1]}", "leave a dimension of 64")]
    [InlineData("f32[b, s, 64] = concat(%x, %y) {axis = 0}", "differ beside axis 0")]
    [InlineData("f32[b, s, 64] = concat(%x, %y) {axis = 3}", "axis 3 of a tensor of 3 dimensions")]
    [InlineData("f32[b, s, 64] = gather(%x, %y) {axis = 0}", "indices must be i32 or i64")]
    [InlineData("f32[b, s, 64] = matmul(%x, %x)", "the width of a is 64, the height of b is s")]
    [InlineData("f32[b, s, 64] = unary(%ids) {function = exp}", "Exp is not a function of i64")]
    [InlineData("f32[b, s, 12] = linear(%x, %w) {bias}", "takes 3 operands (x, w, bias), 2 given")]
    [InlineData("f32[b, s, 64] = reduce(%x) {function = arg_max, axes = [0, 1]}", "ArgMax takes one axis")]
    [InlineData("f32[b, s, 8, 16] = rope(%q, %w, %w) {kind = half, layout = bshd}", "cos and sin of 12 columns rotate 24 elements, heads have 16")]
    [InlineData("f32[b, s, 8, 16] = attention(%k, %q, %q) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 1, mask = none}", "2 query heads must be a constant multiple of 8")]
    [InlineData("f32[b, s, 64] = cast(%x) {to = f99}", "'f99' is not an element type")]
    [InlineData("f32[b, s, 64] = unary(%x) {function = gelu}", "function cannot be 'gelu'; known: copy, negate")]
    [InlineData("f32[b, s, 64] = reshape(%x)", "attribute shape is missing")]
    [InlineData("f32[b, s, 64] = softmax(%x) {axis = 1, axes = [1]}", "softmax has no attribute axes")]
    [InlineData("f32[b, s, 65] = unary(%x) {function = exp}", "is declared f32[b, s, 65], unary gives f32[b, s, 64]")]
    public void What_does_not_fit_is_refused_with_the_reason(string node, string reason)
    {
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphTexts.Parse($"{Inputs}%r : {node}\noutput \"r\" = %r"));
        Diagnostic only = Assert.Single(e.Diagnostics);
        Assert.Contains(reason, only.Message, StringComparison.Ordinal);
        Assert.StartsWith("line 20,", only.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void Element_counts_with_too_many_terms_are_refused_before_they_are_multiplied_out()
    {
        string sum = string.Join(" + ", Enumerable.Range(0, 30).Select(i => $"a{i}")), shape = string.Join(", ", Enumerable.Repeat(sum, 12));
        string dims = string.Concat(Enumerable.Range(0, 30).Select(i => $"dim a{i} in 1..2\n"));
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphTexts.Parse($"{dims}input %x : f32[{shape}]\n%y : f32[1] = reshape(%x) {{shape = [1]}}\noutput \"y\" = %y"));
        Assert.Contains("too many terms", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rule_errors_are_shape_exceptions_for_importers()
    {
        var graph = new Graph("g");
        Value x = graph.AddInput("x", new TensorType(ElementType.F32, [4, 4]));
        Assert.Throws<ShapeException>(() => graph.Add(new Compiler.GraphIR.Operators.Reshape([5]), [x], []));
        Assert.Throws<ShapeException>(() => graph.Add(new Compiler.GraphIR.Operators.Pad([long.MaxValue, 0], [0, 0]), [x], []));
    }
}
