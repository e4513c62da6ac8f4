namespace TransformerCc.Verification;

/// <summary>A folder that goes away with the object.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string FullName { get; } = Directory.CreateTempSubdirectory("tcc-").FullName;

    public void Dispose()
    {
        try
        {
            Directory.Delete(FullName, recursive: true);
        }
        catch (IOException)
        {
            // A file still open elsewhere: the system's own cleaning of temporary files takes it.
        }
    }
}
