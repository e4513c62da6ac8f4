using FsCheck.Xunit;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using Xunit;

namespace TransformerCc.Tests.Isa;

public sealed class DimExprTests
{
    private static readonly string[] s_names = ["batch", "past.len", "_s", "min"];

    [Property(MaxTest = 500)]
    public void Parse_inverts_print(int seed)
    {
        DimExpr e = RandomTree.Next(new Random(seed), depth: 5).Expression;
        Assert.Equal(e, DimExpr.Parse(e.ToString()));
    }

    [Property(MaxTest = 500)]
    public void The_canonical_form_keeps_the_value(int seed)
    {
        var random = new Random(seed);
        RandomTree tree = RandomTree.Next(random, depth: 5);
        Dictionary<string, long> values = s_names.ToDictionary(n => n, _ => random.NextInt64(1, 20));
        Assert.Equal(tree.Value(values), tree.Expression.Evaluate(values));
    }

    [Property(MaxTest = 500)]
    public void Bounds_contain_every_value(int seed)
    {
        var random = new Random(seed);
        DimExpr e = RandomTree.Next(random, depth: 5).Expression;
        Dictionary<string, long> values = s_names.ToDictionary(n => n, _ => random.NextInt64(1, 20));
        DimInterval bounds = e.Bounds(values.ToDictionary(v => v.Key, v => new DimInterval(random.NextInt64(1, v.Value + 1), random.NextInt64(v.Value, 40))));
        Assert.InRange(e.Evaluate(values), bounds.Lower, bounds.Upper);
    }

    [Property(MaxTest = 500)]
    public void Substituting_values_evaluates(int seed)
    {
        var random = new Random(seed);
        DimExpr e = RandomTree.Next(random, depth: 5).Expression;
        Dictionary<string, long> values = s_names.ToDictionary(n => n, _ => random.NextInt64(1, 20));
        Assert.Equal(e.Evaluate(values), e.Substitute(values.ToDictionary(v => v.Key, v => DimExpr.Constant(v.Value))).ConstantValue);
    }

    [Theory]
    [InlineData("b + a", "a + b")]
    [InlineData("(a + 1)*(a - 1)", "a*a - 1")]
    [InlineData("ceildiv(s, 16)", "floordiv(s + 15, 16)")]
    [InlineData("floordiv(6*a + b, 3)", "2*a + floordiv(b, 3)")]
    [InlineData("mod(a*4, 4)", "0")]
    [InlineData("max(a + 2, a)", "a + 2")]
    [InlineData("min(b, a)", "min(a, b)")]
    [InlineData(" min*2 - -3 ", null)]
    [InlineData("min *2+3", "3 + 2*min")]
    [InlineData("-9223372036854775808", "-9223372036854775808")]
    public void Parsing_gives_the_canonical_form(string text, string? same)
    {
        if (same is null)
        {
            Assert.False(DimExpr.TryParse(text, out _, out _));
        }
        else
        {
            Assert.Equal(DimExpr.Parse(same), DimExpr.Parse(text));
        }
    }

    public static TheoryData<string, string> Refusals => new()
    {
        { "", "at character 1: a number, a name or '(' is expected" },
        { "a +", "at character 4: a number, a name or '(' is expected" },
        { "a b", "at character 3: an operator or the end is expected" },
        { "a\0", "at character 2: an operator or the end is expected" },
        { "(a", "at character 3: ')' is expected" },
        { "pow(a, 2)", "at character 1: there is no function 'pow'" },
        { "min(a)", "at character 6: ',' is expected" },
        { "floordiv(a, b - b)", "division by zero" },
        { "9223372036854775808", "at character 20: the number exceeds 64 bits" },
        { "9223372036854775807 + 1", "a number exceeds 64 bits" },
        { new string('(', 100000), "a dimension expression has at most 4096 characters, this one has 100000" },
        { new string('(', 100), "at character 65: parentheses nest deeper than 64" },
        { Wide + "*" + Wide, "the product multiplies out to more than 256 terms" },
        { Repeat("mod(", "a", ", b + 1)", 40), "multiplies out to more than 4096 characters" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Bad_text_is_refused_with_the_reason(string text, string reason)
    {
        Assert.False(DimExpr.TryParse(text, out _, out string? error));
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.Equal("TCC4120", Assert.Single(Assert.Throws<DiagnosticException>(() => DimExpr.Parse(text)).Diagnostics).Code);
    }

    private static string Wide => $"({string.Join(" + ", Enumerable.Range(0, 20).Select(i => $"a{i}"))})";

    private static string Repeat(string before, string inner, string after, int times) =>
        string.Concat(Enumerable.Repeat(before, times)) + inner + string.Concat(Enumerable.Repeat(after, times));

    /// <summary>An expression beside a plain evaluation of the same operations.</summary>
    private sealed record RandomTree(DimExpr Expression, Func<IReadOnlyDictionary<string, long>, long> Value)
    {
        public static RandomTree Next(Random random, int depth)
        {
            if (depth == 0 || random.Next(4) == 0)
            {
                return Leaf(random);
            }
            RandomTree a = Next(random, depth - 1);
            int operation = random.Next(8);
            // Divisors are positive: a leaf, or a leaf plus a constant.
            RandomTree b = operation < 5 ? Next(random, depth - 1) : PositiveLeaf(random);
            return operation switch
            {
                0 => new(a.Expression + b.Expression, v => a.Value(v) + b.Value(v)),
                1 => new(a.Expression - b.Expression, v => a.Value(v) - b.Value(v)),
                2 when a.Expression.Terms.Length * b.Expression.Terms.Length <= 16 => new(a.Expression * b.Expression, v => a.Value(v) * b.Value(v)),
                2 or 3 => new(DimExpr.Min(a.Expression, b.Expression), v => long.Min(a.Value(v), b.Value(v))),
                4 => new(DimExpr.Max(a.Expression, b.Expression), v => long.Max(a.Value(v), b.Value(v))),
                5 => new(DimExpr.CeilDiv(a.Expression, b.Expression), v => (long)Math.Ceiling(a.Value(v) / (decimal)b.Value(v))),
                6 => new(DimExpr.Mod(a.Expression, b.Expression), v => ((a.Value(v) % b.Value(v)) + b.Value(v)) % b.Value(v)),
                _ => new(DimExpr.FloorDiv(a.Expression, b.Expression), v => (long)Math.Floor(a.Value(v) / (decimal)b.Value(v))),
            };
        }

        private static RandomTree Leaf(Random random)
        {
            if (random.Next(2) == 0)
            {
                long constant = random.NextInt64(-8, 9);
                return new(constant, _ => constant);
            }
            string name = s_names[random.Next(s_names.Length)];
            return new(DimExpr.Symbol(name), v => v[name]);
        }

        private static RandomTree PositiveLeaf(Random random)
        {
            long constant = random.NextInt64(1, 9);
            string name = s_names[random.Next(s_names.Length)];
            return random.Next(3) switch
            {
                0 => new(constant, _ => constant),
                1 => new(DimExpr.Symbol(name), v => v[name]),
                _ => new(DimExpr.Symbol(name) + constant, v => v[name] + constant),
            };
        }
    }
}
