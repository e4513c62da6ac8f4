namespace TransformerCc.Isa.Instructions;

/// <summary>Who executes an instruction. Every engine has a queue of its own and ends its instructions in order.</summary>
public enum Engine : byte
{
    /// <summary>Scalar and control instructions; dispatches all others in program order.</summary>
    Sequencer = 0,
    /// <summary>DMA of the weight stream, DRAM to the WSP ring.</summary>
    WeightDma = 1,
    /// <summary>Every other DMA inward, and gather.</summary>
    DmaIn = 2,
    /// <summary>DMA to DRAM, scatter.</summary>
    DmaOut = 3,
    /// <summary>Scratchpad to scratchpad.</summary>
    Copy = 4,
    /// <summary>The matrix arrays: one in-order issue queue.</summary>
    Matrix = 5,
    Vector = 6,
    /// <summary>Links to other chips.</summary>
    Link = 7,
}

public static class Engines
{
    public const int Count = 8;

    /// <summary>The mnemonic of the assembly language: seq, dw, din, dout, copy, mxu, vec, lnk.</summary>
    public static string Name(this Engine engine) => engine switch
    {
        Engine.Sequencer => "seq",
        Engine.WeightDma => "dw",
        Engine.DmaIn => "din",
        Engine.DmaOut => "dout",
        Engine.Copy => "copy",
        Engine.Matrix => "mxu",
        Engine.Vector => "vec",
        _ => "lnk",
    };
}
