using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphIR;

/// <summary>The composites mean what their decomposition into small operators means.</summary>
public sealed class CompositeEvaluationTests
{
    [Theory]
    [InlineData("layer norm", """
        const %x : f32[2, 3, 8] = #x
        const %scale : f32[8] = #scale
        const %shift : f32[8] = #shift
        const %epsilon : f32[] = 0.01
        %fused : f32[2, 3, 8] = norm(%x, %scale, %shift) {kind = layer, epsilon = 0.01, shift}
        %mean : f32[2, 3, 1] = reduce(%x) {function = mean, axes = [2], keep_dims}
        %d : f32[2, 3, 8] = binary(%x, %mean) {function = sub}
        %s : f32[2, 3, 8] = binary(%d, %d) {function = mul}
        %v : f32[2, 3, 1] = reduce(%s) {function = mean, axes = [2], keep_dims}
        %e : f32[2, 3, 1] = binary(%v, %epsilon) {function = add}
        %r : f32[2, 3, 1] = unary(%e) {function = rsqrt}
        %n : f32[2, 3, 8] = binary(%d, %r) {function = mul}
        %m : f32[2, 3, 8] = binary(%n, %scale) {function = mul}
        %plain : f32[2, 3, 8] = binary(%m, %shift) {function = add}
        """)]
    [InlineData("rms norm", """
        const %x : f32[4, 8] = #x
        const %scale : f32[8] = #scale
        const %epsilon : f32[] = 0.01
        %fused : f32[4, 8] = norm(%x, %scale) {kind = rms, epsilon = 0.01}
        %s : f32[4, 8] = binary(%x, %x) {function = mul}
        %v : f32[4, 1] = reduce(%s) {function = mean, axes = [1], keep_dims}
        %e : f32[4, 1] = binary(%v, %epsilon) {function = add}
        %r : f32[4, 1] = unary(%e) {function = sqrt}
        %n : f32[4, 8] = binary(%x, %r) {function = div}
        %plain : f32[4, 8] = binary(%n, %scale) {function = mul}
        """)]
    [InlineData("rope of halves, as rotate_half spells it, over part of the head", """
        const %x : f32[2, 3, 5, 6] = #x
        const %cos : f32[5, 2] = #cos
        const %sin : f32[5, 2] = #sin
        %fused : f32[2, 3, 5, 6] = rope(%x, %cos, %sin) {kind = half, layout = bhsd}
        %a : f32[2, 3, 5, 2] = slice(%x) {starts = [0, 0, 0, 0], sizes = [2, 3, 5, 2], steps = [1, 1, 1, 1]}
        %b : f32[2, 3, 5, 2] = slice(%x) {starts = [0, 0, 0, 2], sizes = [2, 3, 5, 2], steps = [1, 1, 1, 1]}
        %rest : f32[2, 3, 5, 2] = slice(%x) {starts = [0, 0, 0, 4], sizes = [2, 3, 5, 2], steps = [1, 1, 1, 1]}
        %ac : f32[2, 3, 5, 2] = binary(%a, %cos) {function = mul}
        %bs : f32[2, 3, 5, 2] = binary(%b, %sin) {function = mul}
        %bc : f32[2, 3, 5, 2] = binary(%b, %cos) {function = mul}
        %as : f32[2, 3, 5, 2] = binary(%a, %sin) {function = mul}
        %p : f32[2, 3, 5, 2] = binary(%ac, %bs) {function = sub}
        %q : f32[2, 3, 5, 2] = binary(%bc, %as) {function = add}
        %plain : f32[2, 3, 5, 6] = concat(%p, %q, %rest) {axis = 3}
        """)]
    [InlineData("interleaved rope in bshd with angles per batch is rope of halves after reordering", """
        const %x : f32[2, 5, 3, 4] = #x
        const %cos : f32[2, 5, 2] = #cos
        const %sin : f32[2, 5, 2] = #sin
        const %even_odd : i64[4] = {0, 2, 1, 3}
        %fused : f32[2, 5, 3, 4] = rope(%x, %cos, %sin) {kind = interleaved, layout = bshd}
        %halves : f32[2, 5, 3, 4] = gather(%x, %even_odd) {axis = 3}
        %turned : f32[2, 5, 3, 4] = rope(%halves, %cos, %sin) {kind = half, layout = bshd}
        %plain : f32[2, 5, 3, 4] = gather(%turned, %even_odd) {axis = 3}
        """)]
    [InlineData("grouped attention, additive and causal mask, mixed layouts", """
        const %q : f32[2, 3, 4, 8] = #q
        const %k : f32[2, 2, 8, 5] = #k
        const %v : f32[2, 2, 5, 6] = #v
        const %mask : f32[4, 1, 5] = #mask
        const %scale : f32[] = 0.5
        const %hidden : f32[] = -inf
        const %group : i64[4] = {0, 0, 1, 1}
        %fused : f32[2, 3, 4, 6] = attention(%q, %k, %v, %mask) {query = bshd, key = bhds, value = bhsd, result = bshd, scale = 0.5, mask = additive, causal_offset = [2]}
        %qh : f32[2, 4, 3, 8] = transpose(%q) {permutation = [0, 2, 1, 3]}
        %kh : f32[2, 4, 8, 5] = gather(%k, %group) {axis = 1}
        %vh : f32[2, 4, 5, 6] = gather(%v, %group) {axis = 1}
        %s : f32[2, 4, 3, 5] = matmul(%qh, %kh)
        %t : f32[2, 4, 3, 5] = binary(%s, %scale) {function = mul}
        %u : f32[2, 4, 3, 5] = binary(%t, %mask) {function = add}
        %row : i64[3, 1] = iota() {type = i64, shape = [3, 1], axis = 0, start = [2], step = 1}
        %column : i64[5] = iota() {type = i64, shape = [5], axis = 0, start = [0], step = 1}
        %visible : bool[3, 5] = binary(%column, %row) {function = less_or_equal}
        %m : f32[2, 4, 3, 5] = select(%visible, %u, %hidden)
        %p : f32[2, 4, 3, 5] = softmax(%m) {axis = 3}
        %o : f32[2, 4, 3, 6] = matmul(%p, %vh)
        %plain : f32[2, 3, 4, 6] = transpose(%o) {permutation = [0, 2, 1, 3]}
        """)]
    [InlineData("a row whose keys are all hidden gives 0", """
        const %q : f32[1, 1, 2, 4] = #q
        const %k : f32[1, 1, 2, 4] = #k
        const %v : f32[1, 1, 2, 4] = #v
        const %mask : bool[2, 2] = {false, false, true, false}
        const %zero : f32[1, 1, 1, 4] = 0
        %fused : f32[1, 1, 2, 4] = attention(%q, %k, %v, %mask) {query = bhsd, key = bhsd, value = bhsd, result = bhsd, scale = 1, mask = boolean}
        %first : f32[1, 1, 1, 4] = slice(%v) {starts = [0, 0, 0, 0], sizes = [1, 1, 1, 4], steps = [1, 1, 1, 1]}
        %plain : f32[1, 1, 2, 4] = concat(%zero, %first) {axis = 2}
        """)]
    [InlineData("linear", """
        const %x : f32[2, 3, 8] = #x
        const %w : f32[8, 5] = #w
        const %b : f32[5] = #b
        const %r : f32[2, 3, 5] = #r
        %fused : f32[2, 3, 5] = linear(%x, %w, %b, %r) {activation = gelu_erf, bias, residual}
        %p : f32[2, 3, 5] = matmul(%x, %w)
        %s : f32[2, 3, 5] = binary(%p, %b) {function = add}
        %g : f32[2, 3, 5] = unary(%s) {function = gelu_erf}
        %plain : f32[2, 3, 5] = binary(%g, %r) {function = add}
        """)]
    [InlineData("convolution with stride equal to the kernel is a product of patches", """
        const %x : f32[2, 3, 4, 6] = #x
        const %w : f32[5, 3, 2, 3] = #w
        %fused : f32[2, 5, 2, 2] = conv(%x, %w) {strides = [2, 3], pads_before = [0, 0], pads_after = [0, 0], dilations = [1, 1]}
        %tiles : f32[2, 3, 2, 2, 2, 3] = reshape(%x) {shape = [2, 3, 2, 2, 2, 3]}
        %order : f32[2, 2, 2, 3, 2, 3] = transpose(%tiles) {permutation = [0, 2, 4, 1, 3, 5]}
        %patches : f32[2, 4, 18] = reshape(%order) {shape = [2, 4, 18]}
        %flat : f32[5, 18] = reshape(%w) {shape = [5, 18]}
        %columns : f32[18, 5] = transpose(%flat) {permutation = [1, 0]}
        %y : f32[2, 4, 5] = matmul(%patches, %columns)
        %t : f32[2, 5, 4] = transpose(%y) {permutation = [0, 2, 1]}
        %plain : f32[2, 5, 2, 2] = reshape(%t) {shape = [2, 5, 2, 2]}
        """)]
    [InlineData("a convolution with epilogue adds its residual after activation and transpose", """
        const %x : f32[2, 3, 7] = #x
        const %w : f32[5, 3, 3] = #w
        const %b : f32[5] = #b
        const %r : f32[4, 5] = #r
        %fused : f32[2, 4, 5] = conv(%x, %w, %b, %r) {strides = [2], pads_before = [1], pads_after = [1], dilations = [1], bias, activation = gelu_erf, channels_last, residual}
        %c : f32[2, 5, 4] = conv(%x, %w, %b) {strides = [2], pads_before = [1], pads_after = [1], dilations = [1], bias}
        %g : f32[2, 5, 4] = unary(%c) {function = gelu_erf}
        %t : f32[2, 4, 5] = transpose(%g) {permutation = [0, 2, 1]}
        %plain : f32[2, 4, 5] = binary(%t, %r) {function = add}
        """)]
    public void Composite_equals_its_decomposition(string name, string statements)
    {
        Assert.NotEmpty(name);
        IReadOnlyDictionary<string, Tensor> results = GraphTexts.Evaluate($"{statements}\noutput \"fused\" = %fused\noutput \"plain\" = %plain");
        GraphTexts.AssertClose(results["plain"], results["fused"], 2e-6);
    }
}
