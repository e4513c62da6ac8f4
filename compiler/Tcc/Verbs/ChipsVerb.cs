using System.CommandLine;
using TransformerCc.Isa.Chips;
using TransformerCc.Tool.Output;

namespace TransformerCc.Tool.Verbs;

/// <summary>Lists the chip descriptions, or prints one as the JSON that <c>--chip</c> reads.</summary>
internal static class ChipsVerb
{
    public static Verb Create(ToolContext tool)
    {
        var name = new FileArgument("NAME") { Description = "A preset or a chip file: print its JSON", Arity = ArgumentArity.ZeroOrOne };
        var schema = new Option<bool>("--schema") { Description = "Print the JSON Schema of chip files: every field, its range and its unit" };
        var verb = new Verb("chips", "Print the chip descriptions.", "tcc chips tx1 > mine.json") { name, schema };
        verb.SetAction(parse =>
        {
            if (parse.GetValue(schema))
            {
                tool.Output.Write(ChipSchema.ToJson());
            }
            else if (parse.GetValue(name) is string wanted)
            {
                tool.Output.Write(ChipDescriptions.ToJson(ChipDescriptions.Load(wanted)));
            }
            else
            {
                WriteTable(tool.Output);
            }
            return 0;
        });
        return verb;
    }

    private static void WriteTable(TextWriter output)
    {
        var table = new TextTable("chip", ">arrays", ">K x N", ">GHz", ">DRAM", ">GB/s", ">WSP", ">ASP", ">ACC", ">W", "stands for");
        foreach (ChipDescription c in ChipDescriptions.Presets)
        {
            table.Add(c.Name, Numbers.Count(c.Matrix.Arrays), $"{c.Matrix.K} x {c.Matrix.N}", Numbers.Short(c.ClockGhz), Numbers.Bytes(c.Memory.DramBytes), Numbers.Count((long)Math.Round(c.Memory.DramBytesPerSecond / 1e9)),
                Numbers.Bytes(c.Memory.WspBytes), Numbers.Bytes(c.Memory.AspBytes), Numbers.Bytes(c.Memory.AccBytes), Numbers.Short(c.Power.TdpWatts), c.Comment);
        }
        table.Write(output);
    }
}
