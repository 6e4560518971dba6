using System.Net.Sockets;

namespace Oko.Agent.Management;

/// <summary>The Unix socket of the management API as a file: made with narrow permissions, and never left over. Any thread.</summary>
public static class ManagementSocket
{
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    /// <summary>Makes room for a socket: its folder, and away with the file that a killed process left.</summary>
    /// <returns>Whether a stale socket was removed.</returns>
    /// <exception cref="IOException">A process listens on it, or the path is not free for a socket; the message is for people.</exception>
    public static bool Prepare(string path)
    {
        try
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
            {
                Directory.CreateDirectory(folder);
            }

            if (Directory.Exists(path))
            {
                throw new IOException($"--management {path}: this is a folder; name a file in it, such as {Path.Combine(path, "oko.sock")}.");
            }

            if (!File.Exists(path))
            {
                return false;
            }

            if ((File.GetAttributes(path) & FileAttributes.Device) == 0 && !IsSocket(path))
            {
                throw new IOException($"--management {path}: there is a file that is no socket; choose another path, or remove it.");
            }

            if (IsAlive(path))
            {
                throw new IOException($"--management {path}: the socket is in use, a switch runs already; stop it, or choose another path.");
            }

            File.Delete(path);
            return true;
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException($"--management {path}: {exception.Message} Run as root, or choose a path in a folder you may write to.", exception);
        }
    }

    /// <summary>Binds a socket that nobody can connect to before it has its permissions (0660: owner and group).</summary>
    /// <exception cref="IOException">The path is not free for a socket.</exception>
    public static Socket Bind(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));

            // Not listening yet: a connection between these two lines is refused.
            File.SetUnixFileMode(path, FileMode);
            return socket;
        }
        catch (Exception exception) when (exception is SocketException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new IOException($"--management {path}: {exception.Message}; choose a path in a folder you may write to.", exception);
        }
    }

    /// <summary>Whether a process listens there. A socket of a process that ended, however it ended, refuses connections.</summary>
    private static bool IsAlive(string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode != SocketError.ConnectionRefused;
        }
    }

    /// <summary>Whether the file is a socket: nothing else cannot be opened with ENXIO.</summary>
    private static bool IsSocket(string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            return false;
        }
        catch (IOException exception)
        {
            const int NoSuchDeviceOrAddress = 6;
            return exception.HResult == NoSuchDeviceOrAddress;
        }
    }
}
