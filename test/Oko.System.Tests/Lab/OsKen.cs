using System.Diagnostics;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Oko.System.Tests.Lab;

/// <summary>An os-ken controller with an application of <c>Scripts/</c> or <c>samples/</c>, in the switch's namespace.</summary>
public sealed class OsKen : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("oko-osken-").FullName;
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly HttpClient _http;

    private OsKen(Network network, int port, string application, string[] options, params string[] environment)
    {
        Command.Need("osken-manager");
        var path = Path.Combine(_folder, "http");
        _process = Command.Start("ip",
        [
            "netns", "exec", network.SwitchSpace, "env", $"OKO_HTTP={path}", .. environment, "/usr/bin/python3", "/usr/bin/osken-manager",
            "--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", port.ToString(), .. options,
            Path.Combine(SwitchProcess.Repository, application),
        ]);
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.AppendLine(line.Data);
            }
        };
        _process.BeginErrorReadLine();
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://osken/"), Timeout = TimeSpan.FromSeconds(20) };
    }

    /// <summary>What it logged so far; a Python traceback in it is a message that os-ken could not read.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts an application without HTTP and waits until it listens.</summary>
    public static OsKen Start(Network network, int port, string application, params string[] options) =>
        new OsKen(network, port, application, options).Listening(port);

    /// <summary>Starts the controller of a sample filter, which is to upload that object, and waits until it listens.</summary>
    public static OsKen StartSample(Network network, int port, string application, string target) =>
        new OsKen(network, port, application, [], $"PYTHONPATH={Path.Combine(SwitchProcess.Repository, "samples", "controllers")}", $"OKO_FILTER={target}")
            .Listening(port);

    /// <summary>Starts <c>ofctl_http.py</c> and waits until it answers.</summary>
    public static OsKen StartHttp(Network network, int port, params string[] options)
    {
        var started = new OsKen(network, port, "test/Oko.System.Tests/Scripts/ofctl_http.py", options);
        var line = started._process.StandardOutput.ReadLineAsync();
        if (!line.Wait(TimeSpan.FromSeconds(20)) || line.Result != "ready")
        {
            var log = started.Log;
            started.Dispose();
            Assert.Fail($"os-ken did not start:\n{log}");
        }

        return started;
    }

    /// <summary>Asks; fails the test unless the answer is 200.</summary>
    public JsonElement Get(string address) => Answer(_http.GetAsync(address));

    /// <summary>Posts JSON; fails the test unless the answer is 200.</summary>
    /// <remarks>Not as chunks, which is how <c>PostAsJsonAsync</c> sends: the application asks for the length.</remarks>
    public JsonElement Post(string address, object body) => Answer(_http.PostAsync(address, new StringContent(JsonSerializer.Serialize(body))));

    /// <summary>Ends it without a chance to say so.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        Kill();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Waits for the port, so that what a test allows for the switch is not spent on Python's start.</summary>
    private OsKen Listening(int port)
    {
        // proc(5), /proc/net/tcp: "sl local_address rem_address st", state 0A is LISTEN; the process's own file is of its namespace.
        var socket = new Regex($"^ *[0-9]+: [0-9A-F]+:{port:X4} [0-9A-F]+:0000 0A ", RegexOptions.Multiline);
        try
        {
            Await.Until(() => _process.HasExited || socket.IsMatch(File.ReadAllText($"/proc/{_process.Id}/net/tcp")), 60, $"os-ken on port {port}", () => Log);
            _process.HasExited.Should().BeFalse("os-ken must run; its log: {0}", Log);
            return this;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private JsonElement Answer(Task<HttpResponseMessage> request)
    {
        using var response = request.GetAwaiter().GetResult();
        var text = response.Content.ReadAsStringAsync().GetAwaiter().GetResult();
        response.IsSuccessStatusCode.Should().BeTrue("os-ken answered {0}; its log: {1}", text, Log);
        return JsonDocument.Parse(text).RootElement;
    }
}
