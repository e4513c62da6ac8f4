using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Binding;

/// <summary>Where weights and tensors would lie in DRAM for given sizes, without a byte behind them: for runs that move no data.</summary>
/// <param name="Parameters">The parameter block.</param>
/// <param name="Segments">Their memory is null.</param>
/// <param name="Known">Where DRAM holds integers that are known: inputs of which every element is the same.</param>
internal sealed unsafe record VirtualDram(long[] Parameters, IReadOnlyList<DramSegment> Segments, IReadOnlyList<(long Start, long End, long Value)> Known)
{
    /// <summary>Tensors start on one, with unmapped bytes between; nothing depends on where.</summary>
    private const long Page = 4096;

    /// <param name="values">Of all dimensions.</param>
    /// <param name="given">What the user gave, inputs that are left out among it.</param>
    public static VirtualDram Of(ProgramImage image, IReadOnlyDictionary<string, long> values, IReadOnlyDictionary<string, long> given)
    {
        var parameters = new long[image.ParameterCount];
        var segments = new List<DramSegment>();
        var known = new List<(long, long, long)>();
        long next = Page;
        parameters[0] = Place("weights", null, image.Weights.Length);
        foreach (DimensionSymbol d in image.Dimensions)
        {
            parameters[d.ParameterIndex] = values[d.Name];
        }
        foreach (TensorSymbol t in image.Tensors)
        {
            long bytes = DramLayout.Bytes(t, DramLayout.Shape(t, values)), start = Place(t.Name, t.Kind, bytes);
            parameters[t.ParameterIndex] = start;
            if (t.Fill is not null)
            {
                known.Add((start, start + bytes, InputFiller.Value(t, given, values)));
            }
        }
        return new(parameters, segments, known);

        long Place(string name, TensorKind? kind, long bytes)
        {
            long start = next;
            if (bytes > 0)
            {
                segments.Add(new DramSegment(name, kind, start, bytes, null));
            }
            next = bytes <= AccessCheck.Limit - start ? ((start + bytes + Page) / Page * Page) + Page
                : throw new DiagnosticException(Diagnostic.Error("TCC5032", $"weights and tensors take more than the {AccessCheck.Limit} bytes that DRAM has addresses for", name), FailureKind.DoesNotFit);
            return start;
        }
    }
}
