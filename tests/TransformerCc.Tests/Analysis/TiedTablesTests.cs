using TransformerCc.Compiler.Analysis;
using TransformerCc.Isa;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Analysis;

public sealed class TiedTablesTests
{
    [Fact]
    public void A_tensor_that_is_looked_up_and_multiplied_by_is_told()
    {
        Diagnostic note = Assert.Single(TiedTables.Notes(GraphTexts.Parse("""
            dim n in 1..64
            input %ids : i64[n]
            const %table : f32[50, 32] = #t
            const %other : f32[50, 32] = #o
            %x : f32[n, 32] = gather(%table, %ids) {axis = 0}
            %y : f32[n, 50] = linear(%x, %table) {transposed}
            %z : f32[n, 50] = linear(%x, %other) {transposed}
            output "y" = %y
            output "z" = %z
            """)));
        Assert.Contains("%table", note.Message, StringComparison.Ordinal);
        Assert.Contains("6400 bytes twice", note.Message, StringComparison.Ordinal);
    }
}
