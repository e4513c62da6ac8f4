using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>An ordered and placed program of a binary, and the name of its entry point.</summary>
public sealed record EntryProgram(string Name, TileProgram Tiles, MemoryPlan Plan);
