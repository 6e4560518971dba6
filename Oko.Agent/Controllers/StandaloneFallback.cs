using System.Diagnostics;
using Oko.Agent.Rules;

namespace Oko.Agent.Controllers;

/// <summary>
/// Decides when the switch learns addresses by itself: in standalone mode, at once when no controller is configured, else after
/// none has been connected for a while. Control thread only.
/// </summary>
/// <remarks>Connections on listeners do not count: they are tools. Source: OpenFlow 1.3.5, 6.3.2 "Connection Interruption".</remarks>
internal sealed class StandaloneFallback(RuleManager rules, ControllerOptions options, ILogger log)
{
    private readonly StandaloneFlow _flow = new(rules);
    private bool _hasControllers;
    private bool _isStarted;
    private int _connected;
    private long _aloneSince;

    /// <summary>The switch begins to look for its controllers.</summary>
    public void Start(bool hasControllers)
    {
        _isStarted = true;
        _hasControllers = hasControllers;
        _aloneSince = Stopwatch.GetTimestamp();
        if (options.IsStandalone && !hasControllers)
        {
            _flow.Enter();
        }
    }

    /// <summary>A connection to a controller is open.</summary>
    public void OnConnected()
    {
        _connected++;
        if (_flow.IsActive)
        {
            _flow.Leave();
            ControllerLog.StandaloneLeft(log);
        }
    }

    /// <summary>A connection to a controller is gone.</summary>
    public void OnDisconnected()
    {
        _connected--;
        _aloneSince = Stopwatch.GetTimestamp();
    }

    /// <summary>Looks whether the time has come; called several times a second.</summary>
    public void Check()
    {
        if (_isStarted && options.IsStandalone && _hasControllers && _connected == 0 && !_flow.IsActive
            && Stopwatch.GetElapsedTime(_aloneSince) >= options.StandaloneAfter)
        {
            _flow.Enter();
            ControllerLog.StandaloneEntered(log);
        }
    }
}
