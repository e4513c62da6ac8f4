namespace TransformerCc.Tests.Tiling;

/// <summary>Rows and elements that move, indices, integers, shapes of every kind. Part of <see cref="SmallGraphs.All"/>.</summary>
internal static class SmallMovementGraphs
{
    public static IReadOnlyList<SmallGraph> All { get; } =
    [
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
    ];
}
