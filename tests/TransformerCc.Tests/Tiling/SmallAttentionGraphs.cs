namespace TransformerCc.Tests.Tiling;

/// <summary>Attention in its forms, rotary positions, a whole block. Part of <see cref="SmallGraphs.All"/>.</summary>
internal static class SmallAttentionGraphs
{
    public static IReadOnlyList<SmallGraph> All { get; } =
    [
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
        new("wide_heads", "length=1; length=150", """
            dim length in 1..256
            input %q : f32[1, length, 8, 72]
            input %k : f32[1, length, 1, 72]
            input %v : f32[1, length, 1, 136]
            %a : f32[1, length, 8, 136] = attention(%q, %k, %v) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.1, mask = none, causal_offset = [-2]}
            output "a" = %a
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
