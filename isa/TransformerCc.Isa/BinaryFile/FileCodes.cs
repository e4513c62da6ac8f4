namespace TransformerCc.Isa.BinaryFile;

/// <summary>The diagnostics of binaries: every reason to refuse a file has its own.</summary>
internal static class FileCodes
{
    public const string
        Unreadable = "TCC4050", Magic = "TCC4051", Version = "TCC4052", Truncated = "TCC4053", HeaderDamaged = "TCC4054", TableDamaged = "TCC4055",
        SectionKind = "TCC4056", SectionPlace = "TCC4057", SectionDamaged = "TCC4058", WrongChip = "TCC4059", Padding = "TCC4060",
        Malformed = "TCC4061", Count = "TCC4062", Text = "TCC4063", Expression = "TCC4064", Instruction = "TCC4065",
        ParameterRange = "TCC4066", Duplicate = "TCC4067", Symbol = "TCC4068", Tag = "TCC4069", Chip = "TCC4070",
        Tokenizer = "TCC4071", State = "TCC4072";
}
