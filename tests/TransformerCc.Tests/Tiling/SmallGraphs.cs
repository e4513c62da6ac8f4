using TransformerCc.Compiler.GraphIR;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Tiling;

/// <param name="Sizes">Values of the dimensions to run with, all by one binary: like "n=1; n=300".</param>
internal sealed record SmallGraph(string Name, string Sizes, string Text)
{
    public Graph Parse() => GraphTexts.Parse(Text);

    public IEnumerable<IReadOnlyDictionary<string, long>> EachSize() => Sizes.Split(';', StringSplitOptions.TrimEntries).Select(line =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(d => d.Split('=')).ToDictionary(d => d[0], d => long.Parse(d[1], System.Globalization.CultureInfo.InvariantCulture)));
}

/// <summary>A graph for each lowering, small enough to run in checking mode with lengths that leave ragged tiles.</summary>
internal static class SmallGraphs
{
    /// <summary>Products and what is fused with them, norms, convolutions.</summary>
    private static readonly SmallGraph[] s_products =
    [
        new("linear", "n=1; n=7; n=300", """
            dim n in 1..4096
            input %x : f32[n, 48]
            const %w : f32[48, 80] = #w
            const %b : f32[80] = #b
            const %w2 : f32[80, 48] = #w2
            %h : f32[n, 80] = linear(%x, %w, %b) {activation = gelu_tanh, bias} from "/ffn/up"
            %y : f32[n, 48] = linear(%h, %w2, %x) {residual} from "/ffn/down"
            output "y" = %y
            """),
        // A residual that is updated in place after a product has read it, and is read by another: rows of one element, and of many.
        new("residual_twice", "n=1; n=7", """
            dim n in 1..64
            input %x : f32[n, 1]
            input %z : f32[n, 48]
            const %a : f32[1, 8] = #a
            const %b : f32[8, 1] = #b
            const %c : f32[1, 2] = #c
            const %up : f32[48, 80] = #up
            const %down : f32[80, 48] = #down
            const %head : f32[48, 5] = #head
            %x1 : f32[n, 1] = binary(%x, %x) {function = add}
            %h : f32[n, 8] = linear(%x1, %a) {activation = relu}
            %x2 : f32[n, 1] = linear(%h, %b, %x1) {residual}
            %y : f32[n, 2] = linear(%x2, %c)
            %z1 : f32[n, 48] = binary(%z, %z) {function = add}
            %g : f32[n, 80] = linear(%z1, %up) {activation = relu}
            %z2 : f32[n, 48] = linear(%g, %down, %z1) {residual}
            %w : f32[n, 5] = linear(%z2, %head)
            output "y" = %y
            output "w" = %w
            """),
        // Two products of one input with one residual: neither may overwrite what the other still adds.
        new("residual_shared", "n=1; n=7; n=300", """
            dim n in 1..512
            input %x : f32[n, 48]
            input %r : f32[n, 200]
            const %a : f32[48, 200] = #a
            const %b : f32[48, 200] = #b
            %s : f32[n, 200] = binary(%r, %r) {function = add}
            %y : f32[n, 200] = linear(%x, %a, %s) {residual}
            %z : f32[n, 200] = linear(%x, %b, %s) {residual}
            output "y" = %y
            output "z" = %z
            """),
        new("wide_linear", "n=1; n=33", """
            dim n in 1..1024
            input %x : f32[n, 700]
            const %w : f32[700, 1100] = #w
            const %b : f32[1100] = #b
            const %r : f32[1100, 40] = #r
            %h : f32[n, 1100] = linear(%x, %w, %b) {activation = relu, bias}
            %y : f32[n, 40] = linear(%h, %r)
            output "h" = %h
            output "y" = %y
            """),
        // Projections whose columns leave arrays idle: they share the arrays, or split their rows over them.
        new("projections", "n=1; n=5; n=300", """
            dim n in 1..1024
            input %x : f32[n, 96]
            const %q : f32[96, 384] = #q
            const %k : f32[96, 640] = #k
            const %v : f32[96, 300] = #v
            const %b : f32[640] = #b
            const %o : f32[384, 768] = #o
            %queries : f32[n, 384] = linear(%x, %q)
            %keys : f32[n, 640] = linear(%x, %k, %b) {bias}
            %values : f32[n, 300] = linear(%x, %v) {activation = tanh}
            %y : f32[n, 768] = linear(%queries, %o)
            output "keys" = %keys
            output "values" = %values
            output "y" = %y
            """),
        // So many blocks of columns that they become a loop.
        new("long_gate", "n=1; n=33", """
            dim n in 1..64
            input %x : f32[n, 96]
            const %g : f32[96, 2600] = #g
            const %u : f32[96, 2600] = #u
            const %b : f32[2600] = #b
            const %d : f32[2600, 48] = #d
            %gate : f32[n, 2600] = linear(%x, %g, %b) {bias}
            %up : f32[n, 2600] = linear(%x, %u)
            %a : f32[n, 2600] = gated(%gate, %up) {activation = silu}
            %y : f32[n, 48] = linear(%a, %d)
            output "y" = %y
            """),
        new("linear_rows", "n=1; n=33", """
            dim n in 1..1024
            input %x : f32[n, 700]
            const %w : f32[1100, 700] = #w
            const %h : f16[70, 1100] = #h
            const %b : f32[1100] = #b
            %u : f32[n, 1100] = linear(%x, %w, %b) {activation = relu, bias, transposed}
            %y : f32[n, 70] = linear(%u, %h) {transposed}
            output "u" = %u
            output "y" = %y
            """),
        new("experts", "tokens=1; tokens=5; tokens=70", """
            dim tokens in 1..256
            input %x : f32[tokens, 72]
            input %r : f32[tokens, 5]
            const %up : f32[5, 150, 72] = #up
            const %bias : f32[5, 150] = #bias
            const %down : f16[5, 72, 150] = #down
            %v : f32[tokens, 2], %ids : i64[tokens, 2] = topk(%r) {count = [2], largest} from "/topk"
            %u : f32[tokens, 2, 150] = expert_linear(%x, %ids, %up, %bias) {bias} from "/up"
            %a : f32[tokens, 2, 150] = unary(%u) {function = silu} from "/act"
            %d : f32[tokens, 2, 72] = expert_linear(%a, %ids, %down) from "/down"
            output "d" = %d
            """),
        new("gated_ffn", "batch=1 length=1; batch=2 length=5; batch=3 length=101", """
            dim batch in 1..64
            dim length in 1..2048
            input %x : f32[batch, length, 64]
            const %scale : f32[64] = #scale
            const %gate : f32[64, 96] = #gate
            const %up : f32[64, 96] = #up
            const %down : f32[96, 64] = #down
            %n : f32[batch, length, 64] = norm(%x, %scale) {kind = rms, epsilon = 1E-05} from "/norm"
            %g : f32[batch, length, 96] = linear(%n, %gate) from "/gate"
            %u : f32[batch, length, 96] = linear(%n, %up) from "/up"
            %a : f32[batch, length, 96] = gated(%g, %u) {activation = silu} from "/mul"
            %y : f32[batch, length, 64] = linear(%a, %down, %x) {residual} from "/down", "/add"
            output "y" = %y
            """),
        new("layer_norm", "n=1; n=300", """
            dim n in 1..4096
            input %x : f32[n, 20]
            const %scale : f32[20] = #scale
            const %shift : f32[20] = #shift
            %y : f32[n, 20] = norm(%x, %scale, %shift) {kind = layer, epsilon = 1E-05, shift}
            %s : f32[n, 20] = softmax(%y) {axis = 1}
            %m : f32[n] = reduce(%s) {function = max, axes = [1]}
            %z : f32[n, 1] = reshape(%m) {shape = [n, 1]}
            %d : f32[n, 20] = binary(%s, %z) {function = sub}
            output "y" = %y
            output "d" = %d
            """),
        new("parts", "n=1; n=37", """
            dim n in 1..64
            input %x : f32[n, 3, 64]
            input %z : f32[2, n, 1, 128]
            %s : f32[n, 64] = reduce(%x) {function = sum, axes = [1]}
            %m : f32[n, 1, 64] = reduce(%x) {function = max, axes = [1], keep_dims}
            %o : f32[2, n, 128] = reduce(%z) {function = product, axes = [2]}
            output "s" = %s
            output "m" = %m
            output "o" = %o
            """),
        new("matmul", "b=1 m=1 k=1 n=1; b=2 m=5 k=3 n=7; b=2 m=140 k=270 n=260", """
            dim b in 1..8
            dim m in 1..256
            dim k in 1..512
            dim n in 1..512
            input %x : f32[b, 3, m, k]
            input %y : f32[b, 1, k, n]
            input %z : f32[n, 6]
            %p : f32[b, 3, m, n] = matmul(%x, %y) from "/scores"
            %q : f32[b, 3, m, 6] = matmul(%p, %z) from "/values"
            output "q" = %q
            """),
        new("conv1d", "batch=1 length=3; batch=2 length=10; batch=1 length=301", """
            dim batch in 1..8
            dim length in 3..512
            input %x : f32[batch, 6, length]
            const %w : f32[20, 6, 3] = #w
            const %b : f32[20] = #b
            const %w2 : f32[8, 20, 3] = #w2
            %y : f32[batch, 20, length] = conv(%x, %w, %b) {strides = [1], pads_before = [1], pads_after = [1], dilations = [1], bias} from "/conv1"
            %g : f32[batch, 20, length] = unary(%y) {function = gelu_erf} from "/gelu"
            %z : f32[batch, 8, floordiv(length - 1, 2) + 1] = conv(%g, %w2) {strides = [2], pads_before = [1], pads_after = [1], dilations = [1]} from "/conv2"
            output "y" = %y
            output "z" = %z
            """),
        new("conv2d", "batch=1; batch=3", """
            dim batch in 1..16
            input %x : f32[batch, 3, 24, 32]
            const %w : f32[40, 3, 8, 8] = #w
            %y : f32[batch, 40, 3, 4] = conv(%x, %w) {strides = [8, 8], pads_before = [0, 0], pads_after = [0, 0], dilations = [1, 1]} from "/patch"
            const %w2 : f32[5, 40, 3, 2] = #w2
            %z : f32[batch, 5, 1, 2] = conv(%y, %w2) {strides = [1, 2], pads_before = [1, 1], pads_after = [1, 0], dilations = [2, 1]} from "/padded"
            output "y" = %y
            output "z" = %z
            """),
        new("conv_stem", "batch=1 length=3; batch=2 length=10; batch=1 length=301", """
            dim batch in 1..8
            dim length in 3..512
            input %x : f32[batch, 6, length]
            input %p : f32[batch, length, 32]
            input %q : f32[floordiv(length - 1, 2) + 1, 8]
            input %image : f32[batch, 3, 24, 32]
            const %w : f32[32, 6, 3] = #w
            const %b : f32[32] = #b
            const %w2 : f32[8, 32, 3] = #w2
            const %w3 : f32[40, 3, 8, 8] = #w3
            %y : f32[batch, length, 32] = conv(%x, %w, %b, %p) {strides = [1], pads_before = [1], pads_after = [1], dilations = [1], bias, activation = gelu_erf, channels_last, residual} from "/conv1"
            %z : f32[batch, 32, length] = conv(%x, %w) {strides = [1], pads_before = [1], pads_after = [1], dilations = [1], activation = relu} from "/conv2"
            %s : f32[batch, floordiv(length - 1, 2) + 1, 8] = conv(%z, %w2, %q) {strides = [2], pads_before = [1], pads_after = [1], dilations = [1], channels_last, residual} from "/conv3"
            %patches : f32[batch, 3, 4, 40] = conv(%image, %w3) {strides = [8, 8], pads_before = [0, 0], pads_after = [0, 0], dilations = [1, 1], channels_last} from "/patch"
            %twice : f32[batch, length, 32] = binary(%y, %y) {function = add} from "/twice"
            output "y" = %twice
            output "s" = %s
            output "patches" = %patches
            """),
        new("many_rows_of_few", "n=1; n=3000", """
            dim n in 1..4096
            input %x : f32[n, 2, 3]
            const %c : f32[2, 1] = {2, -3}
            %a : f32[n, 2, 3] = binary(%x, %c) {function = mul}
            %b : f32[n, 2, 1] = reduce(%a) {function = mean, axes = [2], keep_dims}
            %d : f32[n, 2, 3] = binary(%a, %b) {function = sub}
            %e : f32[n, 6] = reshape(%d) {shape = [n, 6]}
            %f : f32[n, 6] = softmax(%e) {axis = 1}
            output "f" = %f
            """),
    ];

    public static SmallGraph Named(string name) => All.Single(g => g.Name == name);

    public static IReadOnlyList<SmallGraph> All { get; } = [.. s_products, .. SmallAttentionGraphs.All, .. SmallMovementGraphs.All];
}
