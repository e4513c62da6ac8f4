namespace TransformerCc.Isa.Chips;

/// <summary>Multiply-adds by what they cost: the rate of the arrays, and energy. 16-bit floats and the codes of quantised blocks count as BF16.</summary>
public enum MacClass : byte { F32, BF16, F8, I8 }
