using System.Buffers;
using System.IO.MemoryMappedFiles;
using TransformerCc.Isa.Files;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>A whole file mapped for reading.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _pointer;

    /// <param name="path">A file that is not empty: nothing can be mapped of one that is.</param>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public MappedFile(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(InputFile.Open(path, bufferSize: 1), null, 0,
            MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
        _pointer += _view.PointerOffset;
    }

    public byte* Pointer => _pointer is not null ? _pointer : throw new ObjectDisposedException(nameof(ProgramFile));

    public ReadOnlySpan<byte> Slice(long offset, int length) => new(Pointer + offset, length);

    public ReadOnlyMemory<byte> Memory(long offset, int length) => new View(this, offset, length).Memory;

    public void Dispose()
    {
        if (_pointer is not null)
        {
            _pointer = null;
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
        _view.Dispose();
        _file.Dispose();
    }

    /// <summary>The file owns the bytes: pinning and disposal of a view do nothing.</summary>
    private sealed class View(MappedFile file, long offset, int length) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(file.Pointer + offset, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(file.Pointer + offset + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
