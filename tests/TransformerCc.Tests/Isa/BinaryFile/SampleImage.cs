using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Isa.BinaryFile;

/// <summary>An image with something of everything, and small sections, so that damage can be placed.</summary>
internal static class SampleImage
{
    public static ProgramImage Create(int seed = 1)
    {
        DimExpr batch = DimExpr.Symbol("batch"), length = DimExpr.Symbol("length");
        var weights = new byte[1000];
        new Random(seed).NextBytes(weights);
        return new ProgramImage
        {
            ChipName = "tx1",
            ChipFingerprint = ChipDescriptions.Fingerprint(ChipDescriptions.Load("tx1")),
            EntryPoints =
            [
                new("main", [.. RandomOperands.OneOfEachKind(seed).Select(i => i with { Tag = (ushort)(i.Tag % 3) })]),
                new("decode", [new Halt()]) { Limits = [new("length", 8)] },
            ],
            ParameterCount = 9,
            Dimensions = [new("batch", 1, 4, 1), new("length", 0, 512, 2), new("context", 0, 4096, 6) { Default = length }],
            Tensors =
            [
                new("tokens", TensorKind.Input, ElementType.I64, [batch, length], 3),
                new("logits/é", TensorKind.Output, ElementType.F32, [batch, (length * 2) + 1, 17], 4),
                new("spills", TensorKind.Scratch, ElementType.BF16, [DimExpr.FloorDiv(length + 15, 16) * 16], 5),
                new("past", TensorKind.Input, ElementType.I64, [batch], 7) { Fill = DimExpr.Zero },
                new("keys", TensorKind.State, ElementType.F16, [batch, 2, DimExpr.Symbol("context"), 64], 8) { State = new(StateMode.Circular, "past", length, 100) { Positions = DimExpr.Symbol("context") } },
            ],
            Weights = new BytesWeightSection(weights),
            Debug = [new("", "", ""), new("linear", "/MatMul", "/MatMul,/Add"), new("attention/scores", "/attn", "")],
            Work = [new("linear~1", "/MatMul", MacClass.BF16, batch * length * 4096, 8192), new("/attn", "", MacClass.F32, batch * length * DimExpr.Symbol("past"), DimExpr.Min(DimExpr.Symbol("past"), 7) * 3)],
            Options = ["model.onnx", "--chip tx1"],
            Tokenizer = new TokenizerData
            {
                Model = "llama",
                Pre = "default",
                Tokens = ["<unk>", "<0x0A>", "\u2581sample", ""],
                Scores = [0, -1.5f, float.NegativeInfinity, seed],
                Types = [TokenType.Unknown, TokenType.Byte, TokenType.Normal, TokenType.Control],
                Merges = ["s a", "sa m"],
                CharacterMap = [1, 2, 3],
                Bos = 0,
                Eos = 3,
                Mask = 2,
                AddBos = true,
                AddSpacePrefix = false,
                StripAccents = true,
                ModelName = "sample",
                ChatTemplate = "{{ messages }}",
            },
        };
    }
}
