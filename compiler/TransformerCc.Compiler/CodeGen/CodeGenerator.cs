using System.Collections.Immutable;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.InstructionEncoding;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>Turns an ordered and placed tile program into instructions and the image of the binary.</summary>
public sealed class CodeGenerator
{
    /// <summary>Registers that a loop finds free besides those for its named values, and that expressions moved out of it leave to its body.</summary>
    private const int ReservedRegisters = 24;

    private readonly MemoryPlan _plan;
    private readonly ParameterBlock _parameters;
    private readonly List<Instruction> _program = [];
    private readonly ScalarRegisters _registers;

    private CodeGenerator(MemoryPlan plan, ParameterBlock parameters)
    {
        _plan = plan;
        _parameters = parameters;
        _registers = new ScalarRegisters(_program, name => parameters.Find(name) is { } index ? Dim.Of(index) : null);
    }

    /// <summary>The image of a binary with one program. Throws a <see cref="DiagnosticException"/> when it exceeds the instruction memory.</summary>
    public static ProgramImage Emit(TileProgram tiles, MemoryPlan plan, ChipDescription chip, string fingerprint, IReadOnlyList<string> options) =>
        Emit([new EntryProgram("main", tiles, plan)], chip, fingerprint, options, []);

    /// <summary>
    /// The image of a binary. The first program is needed: if it exceeds the instruction memory alone, a
    /// <see cref="DiagnosticException"/> says so. Others that do not fit beside it are left out with a note.
    /// </summary>
    public static ProgramImage Emit(IReadOnlyList<EntryProgram> programs, ChipDescription chip, string fingerprint, IReadOnlyList<string> options, DiagnosticList notes)
    {
        TileProgram first = programs[0].Tiles;
        var parameters = new ParameterBlock(programs.Select(p => p.Tiles));
        var entries = new List<EntryPoint>();
        foreach (EntryProgram program in programs)
        {
            var generator = new CodeGenerator(program.Plan, parameters);
            generator.Emit(program.Tiles.Body);
            generator._program.Add(new Halt());
            CheckEncoding(generator._program);
            long instructions = entries.Sum(e => (long)e.Instructions.Length) + generator._program.Count;
            if (entries.Count > 0 && instructions * Instruction.Size > chip.Memory.ProgramBytes)
            {
                notes.Add(Diagnostic.Note("TCC3303", FormattableString.Invariant($"the entry point '{program.Name}' is left out: with it, {instructions * Instruction.Size} bytes of program would exceed the instruction memory of {chip.Memory.ProgramBytes}"), null, "results do not change: the other entry point runs all sizes"));
                continue;
            }
            CheckSize(generator._program, first, chip);
            entries.Add(new EntryPoint(program.Name, [.. generator._program]) { Limits = ParameterBlock.Limits(program.Tiles, first) });
        }
        return new ProgramImage
        {
            ChipName = chip.Name,
            ChipFingerprint = fingerprint,
            EntryPoints = [.. entries],
            ParameterCount = parameters.Count,
            Dimensions = parameters.Dimensions(first),
            Tensors = parameters.Tensors(),
            Weights = new ModelWeightSection(first.Weights),
            Debug = [.. first.Debug],
            Options = [.. options],
        };
    }

    private void Emit(TileBlock block)
    {
        ILookup<TileNode, string> lastUses = LastUses(block);
        foreach (TileNode node in block.Nodes)
        {
            switch (node)
            {
                case TileLet let:
                    _registers.Name(let.Name, let.Value);
                    break;
                case TileAddress address:
                    Emit(address);
                    break;
                case TileLoop loop:
                    Emit(loop);
                    break;
                case TileStatement statement:
                    Emit(statement);
                    break;
            }
            foreach (string name in lastUses[node])
            {
                _registers.Forget(name);
            }
        }
    }

    private void Emit(TileAddress address)
    {
        Reg index = _registers.Value(address.Iteration + _parameters.Find(OperandResolver.AddressSymbol(address.Tensor))!.Value);
        _program.Add(new LoadParameter(_registers.Define(OperandResolver.IterationSymbol(address.Tensor)), Dim.Of(index)));
        _registers.Unpin();
    }

    /// <summary>For each node of a block the names that it is the last to use: a long block names more values than there are registers.</summary>
    private static ILookup<TileNode, string> LastUses(TileBlock block)
    {
        var last = new Dictionary<string, TileNode>(StringComparer.Ordinal);
        foreach (TileNode node in block.Nodes)
        {
            if (node is TileLet let)
            {
                last[let.Name] = node;
            }
            if (last.Count > 0)
            {
                foreach (string symbol in Expressions(node).SelectMany(e => e.Symbols).Where(last.ContainsKey))
                {
                    last[symbol] = node;
                }
            }
        }
        return last.ToLookup(l => l.Value, l => l.Key);
    }

    private void Emit(TileStatement statement)
    {
        var resolver = new OperandResolver(statement, _plan, _registers);
        Instruction instruction = statement.Kind.Read(ref resolver);
        _program.Add(instruction with
        {
            Tag = statement.Tag,
            Acquires = SemaphoreList.Of([.. statement.Acquires]),
            Releases = SemaphoreList.Of([.. statement.Releases]),
        });
        _registers.Unpin();
    }

    private void Emit(TileLoop loop)
    {
        int reserved = ReservedRegisters + Named(loop);
        _registers.Reserve(reserved);
        _registers.OpenScope();
        Hoist(loop, reserved);
        Dim count = _registers.Operand(loop.Count);
        int at = _program.Count;
        Reg counter = _registers.Define(loop.Variable);
        _program.Add(new Loop(count, counter, 0));
        _registers.Unpin();
        _registers.OpenScope();
        Emit(loop.Body);
        _registers.CloseScope();
        _registers.CloseScope();
        _program[at] = new Loop(count, counter, _program.Count - at - 1);
    }

    /// <summary>Registers of the values that have names somewhere in a loop at the same time.</summary>
    private static int Named(TileLoop loop) =>
        1 + loop.Body.Nodes.Count(n => n is TileLet || (n is TileStatement s && s.Operands.Any(o => o.Value is DefinitionOperand))) + loop.Body.Nodes.OfType<TileLoop>().Select(Named).DefaultIfEmpty(0).Max();

    /// <summary>Computes what does not change in a loop before it, in the order of first use, while registers last.</summary>
    private void Hoist(TileLoop loop, int reserved)
    {
        foreach (DimExpr part in Expressions(loop.Body).SelectMany(_registers.AvailableParts))
        {
            if (_registers.Free <= reserved)
            {
                return;
            }
            if (OperandResolver.NeedsRegister(part) && !_registers.IsCached(part))
            {
                _registers.Value(part);
                _registers.Unpin();
            }
        }
    }

    private static IEnumerable<DimExpr> Expressions(TileBlock block) => block.Nodes.SelectMany(Expressions);

    private static IEnumerable<DimExpr> Expressions(TileNode node) => (node switch
    {
        TileStatement s => OperandResolver.RegisterExpressions(s),
        TileLoop l => Expressions(l.Body).Prepend(l.Count),
        TileLet l => [l.Value],
        TileAddress a => [a.Iteration],
        _ => [],
    }).Where(OperandResolver.NeedsRegister);

    private static void CheckSize(List<Instruction> program, TileProgram tiles, ChipDescription chip)
    {
        long bytes = (long)program.Count * Instruction.Size;
        if (bytes <= chip.Memory.ProgramBytes)
        {
            return;
        }
        IEnumerable<string> largest = program.GroupBy(i => tiles.Debug[i.Tag].Node).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Take(5).Select(g => $"{(g.Key.Length == 0 ? "(scalar code)" : g.Key)}: {g.Count()}");
        throw new DiagnosticException(Diagnostic.Error("TCC3302", $"the program of {program.Count} instructions ({bytes} bytes) exceeds the instruction memory of {chip.Memory.ProgramBytes} bytes by {bytes - chip.Memory.ProgramBytes}",
            string.Join(", ", largest), "choose a chip with more instruction memory, or fewer outputs (--outputs)"), FailureKind.DoesNotFit);
    }

    /// <summary>Decodes what will be encoded: a difference is a defect of ours.</summary>
    private static void CheckEncoding(List<Instruction> program)
    {
        Span<byte> bytes = stackalloc byte[Instruction.Size];
        foreach (Instruction instruction in program)
        {
            InstructionEncoder.Encode(instruction, bytes);
            if (!InstructionDecoder.TryDecode(bytes, out Instruction? decoded, out string? error) || decoded != instruction)
            {
                throw new InvalidOperationException($"{instruction} does not survive encoding: {error ?? decoded!.ToString()}");
            }
        }
    }
}
