namespace TransformerCc.Tests.Verification;

/// <summary>
/// ONNX Runtime executes the model file itself, so it shares no misreading of ours: both the reference evaluator and the
/// chip must agree with it, on inputs of sizes that no golden case has.
/// </summary>
public sealed class SecondOracleTests
{
    [Fact]
    public void The_adder_agrees_with_onnx_runtime() => SecondOracle.Agree(TestData.AdderModel);

    [DataTheory("models/stories260k-onnx", "models/bert-toy", "models/clip-vision", "models/whisper-decoder")]
    [InlineData("stories260k-onnx")]
    [InlineData("bert-toy")]
    [InlineData("clip-vision")]
    [InlineData("whisper-decoder")]
    public void A_model_agrees_with_onnx_runtime(string model) => SecondOracle.Agree(TestData.Model(model));
}
