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
    public static SmallGraph Named(string name) => All.Single(g => g.Name == name);

    public static IReadOnlyList<SmallGraph> All { get; } =
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
        new("causal", "batch=1 length=1; batch=2 length=9; batch=1 length=300", """
            dim batch in 1..8
            dim length in 1..512
            input %q : f32[batch, length, 2, 16]
            input %k : f32[batch, length, 2, 16]
            input %v : f32[batch, length, 2, 16]
            %a : f32[batch, length, 2, 16] = attention(%q, %k, %v) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.25, mask = none, causal_offset = [0]} from "/attn"
            output "a" = %a
            """),
        new("grouped_past", "batch=1 length=1 past=0; batch=2 length=3 past=5; batch=1 length=130 past=150", """
            dim batch in 1..4
            dim length in 1..256
            dim past in 0..256
            input %q : f32[batch, 6, length, 16]
            input %k : f32[batch, 2, 16, length + past]
            input %v : f32[batch, 2, length + past, 24]
            %a : f32[batch, length, 6, 24] = attention(%q, %k, %v) {query = bhsd, key = bhds, value = bhsd, result = bshd, scale = 0.25, mask = none, causal_offset = [past]}
            output "a" = %a
            """),
        new("boolean_mask", "batch=1 length=1; batch=2 length=9; batch=2 length=140", """
            dim batch in 1..8
            dim length in 1..256
            input %q : f32[batch, length, 2, 16]
            input %k : f32[batch, length, 2, 16]
            input %v : f32[batch, length, 2, 16]
            input %mask : bool[batch, 1, 1, length]
            %a : f32[batch, 2, length, 16] = attention(%q, %k, %v, %mask) {query = bshd, key = bshd, value = bshd, result = bhsd, scale = 0.25, mask = boolean}
            output "a" = %a
            """),
        new("additive_mask", "batch=1 queries=1 keys=1; batch=2 queries=5 keys=9; batch=1 queries=150 keys=140", """
            dim batch in 1..8
            dim queries in 1..256
            dim keys in 1..256
            input %q : f32[batch, queries, 4, 16]
            input %k : f32[batch, keys, 2, 16]
            input %v : f32[batch, keys, 2, 16]
            input %mask : f32[4, queries, keys]
            %a : f32[batch, queries, 4, 16] = attention(%q, %k, %v, %mask) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.5, mask = additive}
            output "a" = %a
            """),
        new("additive_causal", "length=1; length=140", """
            dim length in 1..256
            input %q : f32[1, length, 2, 8]
            input %mask : f32[length, length]
            %a : f32[1, length, 2, 8] = attention(%q, %q, %q, %mask) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 1, mask = additive, causal_offset = [0]}
            output "a" = %a
            """),
        new("soft_cap", "batch=1 length=1; batch=2 length=9; batch=1 length=140", """
            dim batch in 1..8
            dim length in 1..256
            input %q : f32[batch, length, 4, 16]
            input %k : f32[batch, length, 2, 16]
            input %v : f32[batch, length, 2, 16]
            input %mask : f32[length, length]
            %a : f32[batch, length, 4, 16] = attention(%q, %k, %v) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.5, mask = none, causal_offset = [0], soft_cap = 0.75}
            %b : f32[batch, length, 4, 16] = attention(%q, %k, %v, %mask) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 1, mask = additive, soft_cap = 2}
            output "a" = %a
            output "b" = %b
            """),
        new("rope", "batch=1 length=1; batch=2 length=5; batch=2 length=150", """
            dim batch in 1..8
            dim length in 1..512
            input %x : f32[batch, length, 3, 16]
            input %z : f32[batch, 2, length, 12]
            input %cos : f32[length, 8]
            input %sin : f32[length, 8]
            input %cos2 : f32[batch, length, 4]
            input %sin2 : f32[batch, length, 4]
            %half : f32[batch, length, 3, 16] = rope(%x, %cos, %sin) {kind = half, layout = bshd} from "/q/rope"
            %interleaved : f32[batch, 2, length, 12] = rope(%z, %cos2, %sin2) {kind = interleaved, layout = bhsd} from "/k/rope"
            output "half" = %half
            output "interleaved" = %interleaved
            """),
        new("embedding", "batch=1 length=1; batch=3 length=5; batch=3 length=100", """
            dim batch in 1..16
            dim length in 1..128
            input %tokens : i64[batch, length]
            const %table : f32[50, 24] = #table
            const %positions : f32[128, 24] = #positions
            %e : f32[batch, length, 24] = gather(%table, %tokens) {axis = 0} from "/embed"
            %p : f32[length, 24] = slice(%positions) {starts = [0, 0], sizes = [length, 24], steps = [1, 1]} from "/slice"
            %x : f32[batch, length, 24] = binary(%e, %p) {function = add} from "/add"
            output "x" = %x
            """),
        new("broadcasts", "a=1 b=1; a=3 b=5; a=2 b=150", """
            dim a in 1..64
            dim b in 1..512
            input %x : f32[a, 4, b, 10]
            input %row : f32[10]
            input %perA : f32[a, 1, 1, 10]
            input %perB : f32[b, 1]
            input %perC : f32[4, 1, 10]
            const %two : f32[] = 2
            %x1 : f32[a, 4, b, 10] = binary(%x, %row) {function = mul}
            %x2 : f32[a, 4, b, 10] = binary(%perA, %x1) {function = sub}
            %x3 : f32[a, 4, b, 10] = binary(%x2, %perB) {function = add}
            %x4 : f32[a, 4, b, 10] = binary(%x3, %perC) {function = max}
            %x5 : f32[a, 4, b, 10] = binary(%x4, %two) {function = mul}
            %low : bool[a, 4, b, 10] = binary(%x5, %two) {function = less}
            %y : f32[a, 4, b, 10] = select(%low, %x5, %perB)
            output "y" = %y
            """),
        new("flat", "n=1; n=9000", """
            dim n in 1..20000
            input %x : f32[n]
            input %s : f32[]
            %a : f32[n] = binary(%x, %s) {function = mul}
            %b : f32[n] = unary(%a) {function = exp}
            %c : i32[n] = cast(%b) {to = i32}
            %t : f32[] = binary(%s, %s) {function = mul}
            output "b" = %b
            output "c" = %c
            output "t" = %t
            """),
        new("movement", "n=1 m=1; n=3 m=5; n=70 m=150", """
            dim n in 1..128
            dim m in 1..256
            input %x : f32[n, 3, m, 8]
            input %y : f32[n, 1, m, 8]
            %t : f32[m, n, 8, 3] = transpose(%x) {permutation = [2, 0, 3, 1]} from "/transpose"
            %s : f32[n, 2, m, 3] = slice(%x) {starts = [0, 0, 0, 1], sizes = [n, 2, m, 3], steps = [1, 2, 1, 2]} from "/slice"
            %last : f32[n, 3, 1, 8] = slice(%x) {starts = [0, 0, m - 1, 0], sizes = [n, 3, 1, 8], steps = [1, 1, 1, 1]} from "/last"
            %reverse : f32[n, 3, m, 8] = slice(%x) {starts = [0, 2, 0, 7], sizes = [n, 3, m, 8], steps = [1, -1, 1, -1]} from "/reverse"
            %c : f32[n, 4, m, 8] = concat(%x, %y) {axis = 1} from "/concat"
            %b : f32[n, 6, m, 8] = broadcast(%y) {shape = [n, 6, m, 8]} from "/expand"
            %p : f32[n + 3, 3, m + 1, 8] = pad(%x) {before = [1, 0, 0, 0], after = [2, 0, 1, 0]} from "/pad"
            output "t" = %t
            output "s" = %s
            output "last" = %last
            output "reverse" = %reverse
            output "c" = %c
            output "b" = %b
            output "p" = %p
            """),
        new("columns", "n=1; n=300", """
            dim n in 1..512
            input %x : f32[n, 24]
            const %w : f32[24, 30] = #w
            %qkv : f32[n, 30] = linear(%x, %w)
            %q : f32[n, 10] = slice(%qkv) {starts = [0, 0], sizes = [n, 10], steps = [1, 1]}
            %k : f32[n, 10] = slice(%qkv) {starts = [0, 10], sizes = [n, 10], steps = [1, 1]}
            %v : f32[n, 10] = slice(%qkv) {starts = [0, 20], sizes = [n, 10], steps = [1, 1]}
            %r : f32[n, 5, 2] = reshape(%k) {shape = [n, 5, 2]}
            %m : f32[n, 5, 2] = unary(%r) {function = negate}
            %f : f32[n, 10] = reshape(%m) {shape = [n, 10]}
            %c : f32[n, 30] = concat(%v, %f, %q) {axis = 1}
            output "c" = %c
            """),
        new("indices", "n=1 m=1; n=5 m=3; n=300 m=70", """
            dim n in 1..512
            dim m in 1..512
            input %x : f32[2, n, m]
            input %i : i64[m]
            const %table : f32[3, 2, 5] = #table
            %range : i64[n] = iota() {type = i64, shape = [n], axis = 0, start = [m], step = -2} from "/range"
            %grid : f32[2, n, m] = iota() {type = f32, shape = [2, n, m], axis = 1, start = [1], step = 3} from "/grid"
            %shape : i64[3] = shape_value() {elements = [n, n*m + 1, floordiv(n, 3) - m], shape = [3]} from "/shape"
            %low : f32[2, n, m] = trilu(%x) {diagonal = 0} from "/tril"
            %up : f32[2, n, m] = trilu(%x) {upper, diagonal = -2} from "/triu"
            %g : f32[3, m, 5] = gather(%table, %i) {axis = 1} from "/gather"
            output "range" = %range
            output "grid" = %grid
            output "shape" = %shape
            output "low" = %low
            output "up" = %up
            output "g" = %g
            """),
        new("running_sums", "n=1 m=1; n=3 m=20; n=70 m=33", """
            dim n in 1..128
            dim m in 1..64
            input %x : f32[n, m, 10]
            input %i : i32[n, m]
            %a : f32[n, m, 10] = cumsum(%x) {axis = 2}
            %b : f32[n, m, 10] = cumsum(%a) {axis = 2, exclusive, reverse}
            %c : f32[n, m, 10] = unary(%b) {function = tanh}
            %d : i32[n, m] = cumsum(%i) {axis = 1, exclusive}
            %e : i32[n, m] = cumsum(%i) {axis = 1, reverse}
            output "c" = %c
            output "d" = %d
            output "e" = %e
            """),
        new("best", "n=1; n=5; n=300", """
            dim n in 1..512
            input %x : f32[n, 40]
            input %i : i64[n, 3]
            %v : f32[n, 6], %p : i64[n, 6] = topk(%x) {count = [6], largest} from "/router"
            %s : f32[n, 6] = softmax(%v) {axis = 1}
            %low : i64[n, 2], %where : i64[n, 2] = topk(%i) {count = [2]}
            output "s" = %s
            output "p" = %p
            output "low" = %low
            output "where" = %where
            """),
        new("scatters", "n=1 m=1; n=5 m=3; n=300 m=70", """
            dim n in 1..512
            dim m in 1..512
            input %x : f32[9, n]
            input %i : i64[m]
            input %u : f32[m, n]
            input %k : i32[20]
            input %j : i32[m, 2]
            input %w : i32[m, 2]
            %a : f32[9, n] = scatter(%x, %i, %u) {mode = replace} from "/append"
            %b : f32[9, n] = scatter(%a, %i, %u) {mode = max}
            %c : i32[20] = scatter(%k, %j, %w) {mode = add}
            output "a" = %a
            output "b" = %b
            output "c" = %c
            """),
        new("bytes", "b=1 m=1 n=1; b=2 m=5 n=7; b=2 m=140 n=260", """
            dim b in 1..8
            dim m in 1..256
            dim n in 1..512
            input %x : u8[b, 3, m, 300]
            input %y : i8[b, 1, 300, n]
            const %w : i8[300, 20] = #w
            %p : i32[b, 3, m, n] = matmul(%x, %y) from "/scores"
            %q : i32[b, 3, m, 20] = matmul(%x, %w)
            output "p" = %p
            output "q" = %q
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
        new("empty", "n=3 past=0; n=1 past=4", """
            dim n in 1..16
            dim past in 0..16
            input %old : f32[2, past, 6]
            input %new : f32[2, n, 6]
            const %w : f32[6, 6] = #w
            %all : f32[2, n + past, 6] = concat(%old, %new) {axis = 1}
            %p : f32[2, past, 6] = linear(%old, %w)
            %y : f32[2, n + past, 6] = unary(%all) {function = tanh}
            output "y" = %y
            output "p" = %p
            output "all" = %all
            """),
        new("copied", "n=1; n=300", """
            dim n in 1..512
            input %x : f32[n, 3]
            const %c : f32[2, 5] = #c
            %r : f32[3*n] = reshape(%x) {shape = [3*n]}
            %y : f32[n, 3] = unary(%x) {function = abs}
            %f : f32[3*n] = reshape(%y) {shape = [3*n]}
            output "input" = %x
            output "reshaped" = %r
            output "constant" = %c
            output "y" = %y
            output "again" = %f
            """),
        new("integers", "n=1; n=300", """
            dim n in 1..512
            input %x : i64[n, 7]
            input %y : i32[n, 7]
            const %three : i64[] = 3
            const %minus : i64[7] = {-3, -2, -1, 1, 2, 3, 4}
            %a : i64[n, 7] = binary(%x, %minus) {function = mul}
            %b : i64[n, 7] = binary(%a, %three) {function = sub}
            %d : i64[n, 7] = binary(%b, %minus) {function = div}
            %m : i64[n, 7] = binary(%b, %three) {function = mod}
            %r : i64[n, 7] = binary(%b, %three) {function = rem}
            %g : i64[n, 7] = unary(%b) {function = negate}
            %s : i64[n, 7] = unary(%b) {function = sign}
            %c : i64[n, 7] = cast(%y) {to = i64}
            %e : bool[n, 7] = binary(%x, %c) {function = equal}
            %l : bool[n, 7] = binary(%b, %g) {function = less}
            %o : bool[n, 7] = binary(%e, %l) {function = or}
            %k : bool[n, 7] = unary(%o) {function = not}
            %w : i64[n, 7] = select(%k, %d, %m)
            %f : f32[n, 7] = cast(%o) {to = f32}
            %t : i64[n] = reduce(%w) {function = sum, axes = [1]}
            %top : i64[n, 1] = reduce(%f) {function = arg_max, axes = [1], keep_dims}
            output "w" = %w
            output "r" = %r
            output "s" = %s
            output "k" = %k
            output "f" = %f
            output "t" = %t
            output "top" = %top
            """),
        new("outer", "n=1 m=1; n=5 m=9; n=150 m=130", """
            dim n in 1..256
            dim m in 1..256
            input %x : f32[n, 1]
            input %y : f32[1, m]
            input %a : f32[n, 1, m, 1]
            input %b : f32[1, 3, 1, 4]
            %p : f32[n, m] = binary(%x, %y) {function = mul}
            %s : f32[n, m] = softmax(%p) {axis = 1}
            %q : f32[n, 3, m, 4] = binary(%a, %b) {function = add}
            %r : f32[n] = reduce(%q) {function = sum, axes = [1, 2, 3]}
            %l : bool[n, m] = binary(%x, %y) {function = less_or_equal}
            output "s" = %s
            output "q" = %q
            output "r" = %r
            output "l" = %l
            """),
        new("gathers", "n=1 m=1; n=4 m=9; n=90 m=300", """
            dim n in 1..128
            dim m in 1..512
            input %x : f32[n, 6, 5]
            input %i : i64[m]
            input %j : i32[2, m]
            const %table : i64[2, 3] = {5, -6, 7, 8, 9, -10}
            const %last : i64[] = -1
            const %back : i64[3] = {-1, 0, -6}
            %rows : f32[n, 5] = gather(%x, %last) {axis = 1}
            %some : f32[n, 3, 5] = gather(%x, %back) {axis = 1}
            %inner : f32[n, 6] = gather(%x, %last) {axis = 2}
            %first : f32[6, 5] = gather(%x, %last) {axis = 0}
            %taken : i64[m, 3] = gather(%table, %i) {axis = 0}
            %pairs : i64[2, m, 3] = gather(%table, %j) {axis = 0}
            output "rows" = %rows
            output "some" = %some
            output "inner" = %inner
            output "first" = %first
            output "taken" = %taken
            output "pairs" = %pairs
            """),
        new("narrow_types", "n=1; n=70", """
            dim n in 1..128
            input %h : f16[n, 12]
            input %b : bf16[n, 12]
            input %u : u8[n, 12]
            const %w : f16[12, 9] = #w
            const %v : f32[12, 9] = #v
            %c : f32[n, 12] = cast(%h) {to = f32}
            %l : f16[n, 9] = linear(%h, %w)
            %m : f32[n, 9] = linear(%c, %v)
            %g : f16[n, 9] = cast(%m) {to = f16}
            %s : f16[n, 9] = binary(%l, %g) {function = add}
            %t : bf16[n, 12] = binary(%b, %b) {function = mul}
            %z : bf16[12, n] = transpose(%t) {permutation = [1, 0]}
            %f : f32[n, 12] = cast(%u) {to = f32}
            %y : f32[n, 12] = binary(%f, %c) {function = mul}
            output "s" = %s
            output "z" = %z
            output "y" = %y
            """),
        new("vectors", "n=1; n=300", """
            dim n in 1..512
            input %x : f32[24]
            input %y : f32[n]
            const %w : f32[24, 10] = #w
            const %scale : f32[24] = #scale
            const %m : f32[3, 24, 5] = #m
            input %z : f32[3, n, 24]
            %a : f32[24] = norm(%x, %scale) {kind = rms, epsilon = 1E-05}
            %l : f32[10] = linear(%a, %w)
            %s : f32[n] = softmax(%y) {axis = 0}
            %t : f32[] = reduce(%s) {function = max, axes = [0]}
            %u : f32[n] = binary(%s, %t) {function = div}
            %p : f32[3, n, 5] = matmul(%z, %m)
            %d : f32[3, n, 8] = pad(%p) {before = [0, 0, 2], after = [0, 0, 1]}
            output "l" = %l
            output "u" = %u
            output "d" = %d
            """),
        new("wide_heads", "length=1; length=150", """
            dim length in 1..256
            input %q : f32[1, length, 8, 72]
            input %k : f32[1, length, 1, 72]
            input %v : f32[1, length, 1, 136]
            %a : f32[1, length, 8, 136] = attention(%q, %k, %v) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.1, mask = none, causal_offset = [-2]}
            output "a" = %a
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
        new("block", "batch=1 length=1; batch=2 length=7; batch=1 length=140", """
            dim batch in 1..4
            dim length in 1..256
            input %tokens : i64[batch, length]
            const %table : f32[40, 32] = #table
            const %scale : f32[32] = #scale
            const %shift : f32[32] = #shift
            const %wq : f32[32, 32] = #wq
            const %wk : f32[32, 16] = #wk
            const %wv : f32[32, 16] = #wv
            const %wo : f32[32, 32] = #wo
            const %bo : f32[32] = #bo
            const %up : f32[32, 64] = #up
            const %down : f32[64, 32] = #down
            const %head : f32[32, 40] = #head
            %x : f32[batch, length, 32] = gather(%table, %tokens) {axis = 0}
            %n : f32[batch, length, 32] = norm(%x, %scale, %shift) {kind = layer, epsilon = 1E-05, shift}
            %q0 : f32[batch, length, 32] = linear(%n, %wq)
            %k0 : f32[batch, length, 16] = linear(%n, %wk)
            %v0 : f32[batch, length, 16] = linear(%n, %wv)
            %q : f32[batch, length, 4, 8] = reshape(%q0) {shape = [batch, length, 4, 8]}
            %k : f32[batch, length, 2, 8] = reshape(%k0) {shape = [batch, length, 2, 8]}
            %v : f32[batch, length, 2, 8] = reshape(%v0) {shape = [batch, length, 2, 8]}
            %a : f32[batch, length, 4, 8] = attention(%q, %k, %v) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.35355338, mask = none, causal_offset = [0]}
            %a1 : f32[batch, length, 32] = reshape(%a) {shape = [batch, length, 32]}
            %x1 : f32[batch, length, 32] = linear(%a1, %wo, %bo, %x) {bias, residual}
            %n1 : f32[batch, length, 32] = norm(%x1, %scale) {kind = rms, epsilon = 1E-05}
            %h : f32[batch, length, 64] = linear(%n1, %up) {activation = silu}
            %x2 : f32[batch, length, 32] = linear(%h, %down, %x1) {residual}
            %y : f32[batch, length, 40] = linear(%x2, %head)
            output "logits" = %y
            """),
    ];
}
