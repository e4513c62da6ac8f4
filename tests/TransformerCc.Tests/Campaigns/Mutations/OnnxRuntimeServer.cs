using System.Text;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>Answers for one model after the other, read from a stream until it ends.</summary>
internal static class OnnxRuntimeServer
{
    public static void Serve(Stream requests, Stream answers)
    {
        using var reader = new BinaryReader(requests, Encoding.UTF8);
        using var writer = new BinaryWriter(new BufferedStream(answers, 1 << 16), Encoding.UTF8);
        using var oracle = new OnnxRuntimeOracle();
        while (true)
        {
            byte[] model;
            Dictionary<string, Tensor> inputs;
            try
            {
                model = reader.ReadBytes(reader.ReadInt32());
                inputs = Answer.ReadTensors(reader);
            }
            catch (EndOfStreamException)
            {
                return;
            }
            Respond(oracle, model, inputs).Write(writer);
            writer.Flush();
        }
    }

    private static Answer Respond(OnnxRuntimeOracle oracle, byte[] model, Dictionary<string, Tensor> inputs)
    {
        try
        {
            return oracle.Run(model, inputs);
        }
#pragma warning disable CA1031 // What the managed wrapper cannot do is no statement about the model.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Answer.Incomparable($"{e.GetType().Name}: {e.Message}");
        }
    }
}
