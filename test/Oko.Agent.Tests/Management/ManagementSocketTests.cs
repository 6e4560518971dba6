using System.Net.Sockets;
using Oko.Agent.Management;

namespace Oko.Agent.Tests.Management;

public sealed class ManagementSocketTests
{
    private string _folder = null!;

    private string SocketPath => Path.Combine(_folder, "deeper", "oko.sock");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("oko-socket-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Bind_FreshPath_IsForOwnerAndGroupOnly()
    {
        ManagementSocket.Prepare(SocketPath).Should().BeFalse();
        using var socket = ManagementSocket.Bind(SocketPath);

        File.GetUnixFileMode(SocketPath).Should().Be(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
    }

    [Test]
    public void Prepare_SocketOfADeadProcess_IsRemoved()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        LeaveStaleSocket();

        ManagementSocket.Prepare(SocketPath).Should().BeTrue();
        File.Exists(SocketPath).Should().BeFalse();
    }

    [Test]
    public void Prepare_SocketOfALiveProcess_IsRefusedAndKept()
    {
        ManagementSocket.Prepare(SocketPath);
        using var socket = ManagementSocket.Bind(SocketPath);
        socket.Listen();

        var act = () => ManagementSocket.Prepare(SocketPath);

        act.Should().Throw<IOException>().WithMessage($"*{SocketPath}*in use*");
        File.Exists(SocketPath).Should().BeTrue();
    }

    [Test]
    public void Prepare_OrdinaryFile_IsRefusedAndKept()
    {
        var path = Path.Combine(_folder, "file");
        File.WriteAllText(path, "precious");

        var act = () => ManagementSocket.Prepare(path);

        act.Should().Throw<IOException>().WithMessage("*no socket*");
        File.ReadAllText(path).Should().Be("precious");
    }

    [Test]
    public void Prepare_Folder_IsRefused()
    {
        var act = () => ManagementSocket.Prepare(_folder);

        act.Should().Throw<IOException>().WithMessage("*folder*");
    }

    /// <summary>What kill -9 leaves: a bound socket file that nobody holds. .NET would remove it when the socket is disposed.</summary>
    private void LeaveStaleSocket()
    {
        var aside = SocketPath + ".aside";
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(SocketPath));
            socket.Listen();
            File.Move(SocketPath, aside);
        }

        File.Move(aside, SocketPath);
    }
}
