namespace TransformerCc.Tests.GraphIR;

/// <summary>The reference meaning of every operator that is not a composite, against values worked out by hand.</summary>
public sealed class OperatorEvaluationTests
{
    private const string BlocksOfTwoRows = "{0, 56, 1, 255, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 56, 3, 4, 254, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}";

    [Theory]
    // element by element
    [InlineData("const %x : f32[3] = {-1.5, 0, 2.5}", "f32[3] = unary(%x) {function = abs}", "{1.5, 0, 2.5}")]
    [InlineData("const %x : f32[4] = {-1.5, 0.5, 1.5, 2.5}", "f32[4] = unary(%x) {function = round}", "{-2, 0, 2, 2}")]
    [InlineData("const %x : f32[2] = {0, -inf}", "f32[2] = unary(%x) {function = silu}", "0")]
    [InlineData("const %x : f32[3] = {1, -1, 0}", "f32[3] = unary(%x) {function = erf}", "{0.8427008, -0.8427008, 0}")]
    [InlineData("const %x : f32[2] = {0, 100}", "f32[2] = unary(%x) {function = soft_cap, parameter = 5}", "{0, 5}")]
    [InlineData("const %x : bool[2] = {true, false}", "bool[2] = unary(%x) {function = not}", "{false, true}")]
    [InlineData("const %x : i32[3] = {-3, 0, 3}", "i32[3] = unary(%x) {function = sign}", "{-1, 0, 1}")]
    [InlineData("const %x : f32[2, 1] = {1, 2}\nconst %y : f32[3] = {10, 20, 30}", "f32[2, 3] = binary(%x, %y) {function = add}", "{11, 21, 31, 12, 22, 32}")]
    [InlineData("const %x : i64[4] = {7, -7, 7, -7}\nconst %y : i64[4] = {2, 2, -2, -2}", "i64[4] = binary(%x, %y) {function = div}", "{3, -3, -3, 3}")]
    [InlineData("const %x : i64[4] = {7, -7, 7, -7}\nconst %y : i64[4] = {3, 3, -3, -3}", "i64[4] = binary(%x, %y) {function = mod}", "{1, 2, -2, -1}")]
    [InlineData("const %x : i64[4] = {7, -7, 7, -7}\nconst %y : i64[4] = {3, 3, -3, -3}", "i64[4] = binary(%x, %y) {function = rem}", "{1, -1, 1, -1}")]
    [InlineData("const %x : i64[3] = {-9223372036854775808, 2, -1}\nconst %y : i64[3] = {-1, 62, 3}", "i64[3] = binary(%x, %y) {function = pow}", "{0, 4611686018427387904, -1}")]
    [InlineData("const %x : u8[2] = {250, 1}\nconst %y : u8[2] = {10, 2}", "u8[2] = binary(%x, %y) {function = add}", "{4, 3}")]
    [InlineData("const %x : f32[3] = {nan, 1, 2}\nconst %y : f32[3] = {1, 1, 1}", "bool[3] = binary(%x, %y) {function = less_or_equal}", "{false, true, false}")]
    [InlineData("const %x : f32[2] = {nan, -1}\nconst %y : f32[2] = {1, 2}", "f32[2] = binary(%x, %y) {function = max}", "{nan, 2}")]
    [InlineData("const %x : bool[2] = {true, false}\nconst %y : f32[1] = 5\nconst %z : f32[] = 6", "f32[2] = select(%x, %y, %z)", "{5, 6}")]
    [InlineData("const %x : f32[4] = {-1.9, 300, nan, 1.9}", "i8[4] = cast(%x) {to = i8}", "{-1, 127, 0, 1}")]
    [InlineData("const %x : i64[3] = {257, -1, 3}", "u8[3] = cast(%x) {to = u8}", "{1, 255, 3}")]
    [InlineData("const %x : f32[2] = {1.00390625, 3}", "bf16[2] = cast(%x) {to = bf16}", "{1, 3}")]
    [InlineData("const %x : f32[2] = {-1, 2}\nconst %y : f32[2] = {5, 7}", "f32[2] = gated(%x, %y) {activation = relu}", "{0, 14}")]
    // data movement
    [InlineData("const %x : i64[2, 3] = {1, 2, 3, 4, 5, 6}", "i64[3, 2] = reshape(%x) {shape = [3, 2]}", "{1, 2, 3, 4, 5, 6}")]
    [InlineData("const %x : i64[2, 3] = {1, 2, 3, 4, 5, 6}", "i64[3, 2] = transpose(%x) {permutation = [1, 0]}", "{1, 4, 2, 5, 3, 6}")]
    [InlineData("const %x : f16[2, 1] = {1, 2}", "f16[2, 2, 2] = broadcast(%x) {shape = [2, 2, 2]}", "{1, 1, 2, 2, 1, 1, 2, 2}")]
    [InlineData("const %x : i64[6] = {0, 1, 2, 3, 4, 5}", "i64[3] = slice(%x) {starts = [5], sizes = [3], steps = [-2]}", "{5, 3, 1}")]
    [InlineData("const %x : i64[2, 3] = {1, 2, 3, 4, 5, 6}", "i64[2, 0] = slice(%x) {starts = [0, 3], sizes = [2, 0], steps = [1, 1]}", "{}")]
    [InlineData("const %x : i64[2, 1] = {1, 2}\nconst %y : i64[2, 2] = {3, 4, 5, 6}", "i64[2, 3] = concat(%x, %y) {axis = 1}", "{1, 3, 4, 2, 5, 6}")]
    [InlineData("const %x : i64[1, 2] = {1, 2}\nconst %y : i64[] = 9", "i64[2, 4] = pad(%x, %y) {before = [0, 1], after = [1, 1]}", "{9, 1, 2, 9, 9, 9, 9, 9}")]
    [InlineData("const %x : f32[3, 2] = {1, 2, 3, 4, 5, 6}\nconst %y : i32[2, 1] = {2, -3}", "f32[2, 1, 2] = gather(%x, %y) {axis = 0}", "{5, 6, 1, 2}")]
    [InlineData("const %x : f32[2, 3] = {1, 2, 3, 4, 5, 6}\nconst %y : i64[] = -1", "f32[2] = gather(%x, %y) {axis = 1}", "{3, 6}")]
    [InlineData("const %x : i64[3, 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9}", "i64[3, 3] = trilu(%x) {upper, diagonal = 1}", "{0, 2, 3, 0, 0, 6, 0, 0, 0}")]
    [InlineData("const %x : i64[2, 3] = {1, 2, 3, 4, 5, 6}", "i64[2, 3] = trilu(%x) {diagonal = 0}", "{1, 0, 0, 4, 5, 0}")]
    [InlineData("", "i32[2, 3] = iota() {type = i32, shape = [2, 3], axis = 1, start = [5], step = -2}", "{5, 3, 1, 5, 3, 1}")]
    [InlineData("", "i64[2] = shape_value() {elements = [7, 8], shape = [2]}", "{7, 8}")]
    // along axes
    [InlineData("const %x : f32[2, 2] = {1, 2, 3, 4}", "f32[2] = reduce(%x) {function = sum, axes = [0]}", "{4, 6}")]
    [InlineData("const %x : f32[2, 2] = {1, 2, 3, 4}", "f32[1, 1] = reduce(%x) {function = mean, axes = [0, 1], keep_dims}", "2.5")]
    [InlineData("const %x : i64[2, 2] = {1, -2, 3, -4}", "i64[2] = reduce(%x) {function = sum_abs, axes = [1]}", "{3, 7}")]
    [InlineData("const %x : f32[2, 2] = {1, -2, 3, -4}", "f32[2] = reduce(%x) {function = sum_squares, axes = [1]}", "{5, 25}")]
    [InlineData("const %x : i64[2, 2] = {2, 3, 4, 5}", "i64[2] = reduce(%x) {function = product, axes = [1]}", "{6, 20}")]
    [InlineData("const %x : f32[2, 0] = {}", "f32[2] = reduce(%x) {function = max, axes = [1]}", "-inf")]
    [InlineData("const %x : f32[2, 4] = {1, 3, 3, 2, 1, nan, 5, nan}", "i64[2] = reduce(%x) {function = arg_max, axes = [1]}", "1")]
    [InlineData("const %x : i64[2, 3] = {3, 1, 1, 0, 5, 5}", "i64[2, 1] = reduce(%x) {function = arg_min, axes = [1], keep_dims}", "{1, 0}")]
    [InlineData("const %x : f32[2, 2] = {0, 0, -inf, -inf}", "f32[2, 2] = softmax(%x) {axis = 1}", "{0.5, 0.5, nan, nan}")]
    [InlineData("const %x : f32[2, 2] = {0, -inf, 0, 0}", "f32[2, 2] = softmax(%x) {axis = 0}", "{0.5, 0, 0.5, 1}")]
    [InlineData("const %x : i64[4] = {1, 2, 3, 4}", "i64[4] = cumsum(%x) {axis = 0}", "{1, 3, 6, 10}")]
    [InlineData("const %x : f32[4] = {1, 2, 3, 4}", "f32[4] = cumsum(%x) {axis = 0, exclusive, reverse}", "{9, 7, 4, 0}")]
    // by position
    [InlineData("const %x : f32[3, 1] = {1, 2, 3}\nconst %i : i64[2] = {-1, 0}\nconst %u : f32[2, 1] = {7, 8}", "f32[3, 1] = scatter(%x, %i, %u) {mode = replace}", "{8, 2, 7}")]
    [InlineData("const %x : i32[3] = {1, 2, 3}\nconst %i : i32[2, 2] = {1, 1, 0, 2}\nconst %u : i32[2, 2] = {10, 20, 5, 7}", "i32[3] = scatter(%x, %i, %u) {mode = add}", "{6, 32, 10}")]
    [InlineData("const %x : f32[3] = {1, 2, 3}\nconst %i : i64[2] = {1, 2}\nconst %u : f32[2] = {7, nan}", "f32[3] = scatter(%x, %i, %u) {mode = max}", "{1, 7, nan}")]
    // contraction
    [InlineData("const %x : u8[1, 2] = {255, 1}\nconst %y : i8[2, 2] = {-128, 127, 1, -1}", "i32[1, 2] = matmul(%x, %y)", "{-32639, 32384}")]
    [InlineData("const %x : f32[2, 2] = {1, 2, 3, 4}\nconst %y : f32[2, 1] = {10, 100}", "f32[2, 1] = matmul(%x, %y)", "{210, 430}")]
    [InlineData("const %x : i32[2, 1, 2] = {1, 2, 3, 4}\nconst %y : i32[2, 2] = {1, 0, 0, 2}", "i32[2, 1, 2] = matmul(%x, %y)", "{1, 4, 3, 8}")]
    [InlineData("const %x : f32[1, 2] = {1, 2}\nconst %w : f32[2, 2] = {1, 0, 0, -1}\nconst %b : f32[2] = {0.5, 0.5}\nconst %r : f32[1, 2] = {10, 20}",
        "f32[1, 2] = linear(%x, %w, %b, %r) {activation = relu, bias, residual}", "{11.5, 20}")]
    [InlineData("const %x : f32[2, 2] = {1, 2, 3, 4}\nconst %w : f32[1, 2] = {10, 100}", "f32[2, 1] = linear(%x, %w) {transposed}", "{210, 430}")]
    [InlineData("const %x : f32[2, 2] = {1, 2, 3, 4}\nconst %i : i64[2, 3] = {0, 2, 1, 1, 1, 0}\nconst %w : f32[3, 1, 2] = {1, 10, 2, 20, 3, 30}\nconst %b : f32[3, 1] = {100, 200, 300}",
        "f32[2, 3, 1] = expert_linear(%x, %i, %w, %b) {bias}", "{121, 363, 242, 286, 286, 143}")]
    [InlineData("const %x : f32[1, 2, 2] = {1, 2, 3, 4}\nconst %i : i32[1, 2] = {-1, 0}\nconst %w : f16[2, 2, 2] = {1, 10, 2, 20, 3, 30, 4, 40}",
        "f32[1, 2, 2] = expert_linear(%x, %i, %w)", "{63, 84, 43, 86}")]
    // quantised blocks: q8_0 is an f16 scale, here 1/2 (0x3800), and 32 signed bytes
    [InlineData($"const %x : u8[2, 34] = {BlocksOfTwoRows}", "f32[2, 3] = dequantize_blocks(%x) {format = q8_0, columns = 3}", "{0.5, -0.5, 1, 1.5, 2, -1}")]
    [InlineData($"const %t : u8[2, 34] = {BlocksOfTwoRows}\nconst %i : i64[3] = {{1, 0, -1}}", "f32[3, 3] = gather(%t, %i) {axis = 0, format = q8_0, columns = 3}", "{1.5, 2, -1, 0.5, -0.5, 1, 1.5, 2, -1}")]
    [InlineData($"const %x : f32[1, 3] = {{1, 10, 100}}\nconst %w : u8[2, 34] = {BlocksOfTwoRows}", "f32[1, 2] = linear(%x, %w) {transposed, weights = q8_0}", "{95.5, -78.5}")]
    [InlineData($"const %x : f32[1, 3] = {{1, 10, 100}}\nconst %i : i64[1, 1] = 1\nconst %w : u8[2, 1, 34] = {BlocksOfTwoRows}", "f32[1, 1, 1] = expert_linear(%x, %i, %w) {weights = q8_0}", "-78.5")]
    [InlineData("const %x : f32[1, 1, 5] = {1, 2, 3, 4, 5}\nconst %w : f32[1, 1, 2] = {1, 10}\nconst %b : f32[1] = 100",
        "f32[1, 1, 3] = conv(%x, %w, %b) {strides = [2], pads_before = [1], pads_after = [0], dilations = [1], bias}", "{110, 132, 154}")]
    [InlineData("const %x : f32[1, 2, 2, 2] = {1, 2, 3, 4, 5, 6, 7, 8}\nconst %w : f32[1, 2, 1, 2] = {1, 10, 100, 1000}",
        "f32[1, 1, 2, 1] = conv(%x, %w) {strides = [1, 1], pads_before = [0, 0], pads_after = [0, 0], dilations = [1, 1]}", "{6521, 8743}")]
    public void Result_is_the_one_worked_out_by_hand(string constants, string node, string expected)
    {
        string type = node[..node.IndexOf(" =", StringComparison.Ordinal)];
        Assert.Equal($"{type} = {expected}", GraphTexts.Print(GraphTexts.Evaluate($"{constants}\n%y1 : {node}\noutput \"y\" = %y1")["y"]));
    }

    [Fact]
    public void The_best_elements_are_stable_and_come_with_their_positions()
    {
        IReadOnlyDictionary<string, TransformerCc.Isa.Tensors.Tensor> results = GraphTexts.Evaluate("""
            const %x : f32[2, 4] = {1, 3, 3, 2, nan, 5, -1, 0}
            %v : f32[2, 3], %p : i64[2, 3] = topk(%x) {count = [3], largest}
            %w : f32[2, 2], %q : i64[2, 2] = topk(%x) {count = [2]}
            output "v" = %v
            output "p" = %p
            output "q" = %q
            """);
        Assert.Equal("f32[2, 3] = {3, 3, 2, nan, 5, 0}", GraphTexts.Print(results["v"]));
        Assert.Equal("i64[2, 3] = {1, 2, 3, 0, 1, 3}", GraphTexts.Print(results["p"]));
        Assert.Equal("i64[2, 2] = {0, 3, 0, 2}", GraphTexts.Print(results["q"]));
    }
}
