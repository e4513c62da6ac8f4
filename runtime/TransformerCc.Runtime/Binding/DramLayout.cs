using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Binding;

/// <summary>
/// Where weights and tensors lie in DRAM for one run, and the parameter block that tells the program. Weights and inputs
/// alias the host's memory; outputs and scratch are arrays that the garbage collector does not move.
/// </summary>
internal sealed unsafe class DramLayout : IDisposable
{
    private const int Alignment = 64;

    /// <summary>Unmapped bytes before, between and after the segments: an address that is off by a little hits nothing.</summary>
    private const int Guard = 4096;

    private readonly List<MemoryHandle> _pins = [];
    private readonly List<DramSegment> _segments = [];
    private readonly Dictionary<string, Tensor> _outputs = new(StringComparer.Ordinal);
    private long _next = Guard;

    private DramLayout(int parameters) => Parameters = new long[parameters];

    public long[] Parameters { get; }

    public DramMap Map => new(_segments);

    /// <summary>The output tensors; their bytes are written by the run.</summary>
    public IReadOnlyDictionary<string, Tensor> Outputs => _outputs;

    public static DramLayout Create(LoadedProgram program, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> dimensions, SessionState state)
    {
        ProgramImage image = program.Image;
        var layout = new DramLayout(image.ParameterCount);
        try
        {
            layout.Parameters[0] = layout.Place("weights", null, program.Weights.Length, program.Weights.Memory);
            foreach (DimensionSymbol d in image.Dimensions)
            {
                layout.Parameters[d.ParameterIndex] = dimensions[d.Name];
            }
            var sizes = image.Tensors.Select(t => (Symbol: t, Shape: Shape(t, dimensions))).ToList();
            CheckCapacity(program, sizes.Select(s => (s.Symbol.Name, Bytes(s.Symbol, s.Shape))));
            foreach ((TensorSymbol symbol, long[] shape) in sizes)
            {
                layout.Parameters[symbol.ParameterIndex] = symbol.Kind switch
                {
                    TensorKind.Input => layout.PlaceInput(symbol.Name, inputs[symbol.Name]),
                    TensorKind.State => layout.PlacePinned(symbol, state.Tensors[symbol.Name].Memory),
                    _ => layout.PlaceWritable(symbol, shape),
                };
            }
            return layout;
        }
        catch
        {
            layout.Dispose();
            throw;
        }
    }

    public void Dispose() => _pins.ForEach(p => p.Dispose());

    private long PlaceInput(string name, Tensor tensor)
    {
        MemoryHandle pin = tensor.Data.Pin();
        _pins.Add(pin);
        return Place(name, TensorKind.Input, tensor.Data.Length, (byte*)pin.Pointer);
    }

    private long PlaceWritable(TensorSymbol symbol, long[] shape)
    {
        byte[] bytes = GC.AllocateArray<byte>((int)Bytes(symbol, shape), pinned: true);
        if (symbol.Kind == TensorKind.Output)
        {
            _outputs.Add(symbol.Name, new Tensor(symbol.Type, shape, bytes));
        }
        return PlacePinned(symbol, bytes);
    }

    private long PlacePinned(TensorSymbol symbol, byte[] bytes)
    {
        _pins.Add(new Memory<byte>(bytes).Pin());
        return Place(symbol.Name, symbol.Kind, bytes.Length, (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(bytes)));
    }

    private long Place(string name, TensorKind? kind, long length, byte* memory)
    {
        long address = _next;
        if (length > 0)
        {
            _segments.Add(new DramSegment(name, kind, address, length, memory));
        }
        _next = checked(address + length + Guard + Alignment - 1) / Alignment * Alignment;
        return address;
    }

    public static long[] Shape(TensorSymbol t, IReadOnlyDictionary<string, long> dimensions)
    {
        long[] shape = [.. t.Shape.Select(e => DimensionBinder.Evaluate(e, dimensions, t.Name))];
        return Array.TrueForAll(shape, d => d >= 0)
            ? shape
            : throw new DiagnosticException(Diagnostic.Error("TCC5030", $"the shape {DimensionBinder.ShapeText(t.Shape.Select(e => e.ToString()))} of '{t.Name}' has a negative size", null, $"it would be [{string.Join(", ", shape)}]"));
    }

    public static long Bytes(TensorSymbol t, long[] shape)
    {
        Int128 bytes = t.Type.Size();
        foreach (long d in shape)
        {
            bytes = Int128.Min(bytes * d, long.MaxValue);
        }
        return (long)bytes;
    }

    public static void CheckSize(string name, long bytes)
    {
        if (bytes > Array.MaxLength)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC5031", $"tensor '{name}' of {bytes} bytes exceeds the {Array.MaxLength} bytes that the emulator can hold in one tensor"), FailureKind.DoesNotFit);
        }
    }

    private static void CheckCapacity(LoadedProgram program, IEnumerable<(string Name, long Bytes)> tensors)
    {
        Int128 total = program.Weights.Length;
        foreach ((string name, long bytes) in tensors)
        {
            CheckSize(name, bytes);
            total += bytes + Guard + Alignment;
        }
        long capacity = program.Chip.Memory.DramBytes;
        if (total > capacity)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC5032", FormattableString.Invariant($"weights and tensors take {total} bytes of DRAM, the chip has {capacity}")), FailureKind.DoesNotFit);
        }
    }
}
