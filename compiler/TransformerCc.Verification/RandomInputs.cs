using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification;

/// <summary>Seeded inputs for a model that comes without cases: the same seed gives the same tensors everywhere.</summary>
public static class RandomInputs
{
    /// <summary>What an integer input is below when it indexes no table that we can see: a mask, a segment, a flag.</summary>
    private const long UnknownLimit = 2;

    /// <summary>
    /// Sizes of the symbolic dimensions to try: the smallest, small ones that differ from each other (so that swapped
    /// dimensions show), and larger odd ones (so that ragged tiles show). Without symbols, one empty choice.
    /// </summary>
    public static IReadOnlyList<IReadOnlyDictionary<string, long>> Sizes(Graph graph)
    {
        if (graph.Dimensions.Count == 0)
        {
            return [new Dictionary<string, long>()];
        }
        return [Choose(graph, _ => 0), Choose(graph, i => 2 + i), Choose(graph, i => 17 + (4 * i))];
    }

    /// <summary>All inputs but those that may be left out: positions begin at 0 and caches empty.</summary>
    public static IReadOnlyDictionary<string, Tensor> Create(Graph graph, IReadOnlyDictionary<string, long> sizes, ulong seed)
    {
        var random = new SplitMix64(seed);
        Dictionary<Value, List<Node>> uses = graph.Uses();
        var inputs = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (Value input in graph.Inputs.Where(v => !graph.Fills.ContainsKey(v) && !graph.States.Exists(s => ReferenceEquals(s.Input, v))))
        {
            long[] shape = TensorMath.Evaluate(input.Type.Shape, sizes);
            long count = shape.Aggregate(1L, (a, b) => checked(a * b));
            inputs[input.Name] = input.Type.Element.IsFloat()
                ? TensorMath.FromDoubles(input.Type.Element, shape, Fill(count, () => (random.NextUnit() * 2) - 1))
                : TensorMath.FromLongs(input.Type.Element, shape, Fill(count, () => (long)(random.Next() % (ulong)Limit(input, uses))));
        }
        return inputs;
    }

    private static SortedDictionary<string, long> Choose(Graph graph, Func<int, long> wanted)
    {
        var sizes = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, DimInterval interval) in graph.Dimensions)
        {
            // A dimension with a default follows the others.
            if (!graph.DimensionDefaults.ContainsKey(name))
            {
                sizes[name] = long.Clamp(wanted(sizes.Count), interval.Lower, interval.Upper);
            }
        }
        return sizes;
    }

    /// <summary>The rows of the smallest table that the value indexes, seen through data movement and casts.</summary>
    private static long Limit(Value value, Dictionary<Value, List<Node>> uses)
    {
        if (value.Type.Element == ElementType.Bool)
        {
            return 2;
        }
        long limit = long.MaxValue;
        var pending = new Stack<Value>([value]);
        var seen = new HashSet<Value>();
        while (pending.TryPop(out Value? v))
        {
            if (!seen.Add(v) || !uses.TryGetValue(v, out List<Node>? users))
            {
                continue;
            }
            foreach (Node user in users)
            {
                if (user.Op is Gather gather && ReferenceEquals(user.Inputs[1], v))
                {
                    limit = long.Min(limit, user.Inputs[0].Type.Shape[gather.Axis].ConstantValue ?? limit);
                }
                else if (user.Op is Scatter && ReferenceEquals(user.Inputs[1], v))
                {
                    limit = long.Min(limit, user.Inputs[0].Type.Shape[0].ConstantValue ?? limit);
                }
                else if (user.Op is Cast or Reshape or Transpose or Broadcast or Slice or Concat)
                {
                    pending.Push(user.Output);
                }
            }
        }
        return limit is long.MaxValue or <= 0 ? UnknownLimit : limit;
    }

    private static T[] Fill<T>(long count, Func<T> next)
    {
        var values = new T[count];
        for (long i = 0; i < count; i++)
        {
            values[i] = next();
        }
        return values;
    }

    /// <summary>Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.</summary>
    private sealed class SplitMix64(ulong seed)
    {
        private ulong _state = seed;

        public ulong Next()
        {
            ulong z = _state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }

        /// <summary>Uniform in [0, 1).</summary>
        public double NextUnit() => (Next() >> 11) * (1.0 / (1L << 53));
    }
}
