using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>
/// The least that a node of the graph costs on any chip of this kind, as expressions over dimensions and inputs that may be
/// left out: what a roofline is made of. The program itself does not depend on it.
/// </summary>
/// <param name="Node">The graph node's name, as in <see cref="DebugEntry"/>.</param>
/// <param name="Source">The names of the model's nodes it came from, comma separated.</param>
/// <param name="Class">The format of its products, which decides the rate of the arrays.</param>
/// <param name="MultiplyAdds">Of products, those with hidden keys left out.</param>
/// <param name="Bytes">Bytes that DRAM must give or take.</param>
public sealed record NodeWork(string Node, string Source, MacClass Class, DimExpr MultiplyAdds, DimExpr Bytes);
