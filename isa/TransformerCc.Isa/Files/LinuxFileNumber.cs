using System.Runtime.InteropServices;

namespace TransformerCc.Isa.Files;

/// <summary>
/// Device and inode of a file: equal for all its names, hard links too. Asked of statx(2), whose result has one layout on all
/// processors, as that of stat(2) has not.
/// </summary>
internal static partial class LinuxFileNumber
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint WantInode = 0x100; // STATX_INO
    private const int ResultBytes = 256, MaskAt = 0, InodeAt = 32, DeviceMajorAt = 136, DeviceMinorAt = 140;

    /// <summary>Null for a file that does not exist or may not be looked at, and on other systems.</summary>
    public static unsafe string? Of(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }
        byte* result = stackalloc byte[ResultBytes];
        new Span<byte>(result, ResultBytes).Clear();
        try
        {
            return Ask(CurrentFolder, path, flags: 0, WantInode, result) == 0 && (*(uint*)(result + MaskAt) & WantInode) != 0
                ? FormattableString.Invariant($"{*(uint*)(result + DeviceMajorAt)}:{*(uint*)(result + DeviceMinorAt)}:{*(ulong*)(result + InodeAt)}") : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null; // a C library without it
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Ask(int folder, string path, int flags, uint mask, byte* result);
}
