namespace Oko.Datapath.Ports;

/// <summary>A port cannot be opened; the message tells a person what is in the way, where, and what to do.</summary>
public sealed class PortOpenException : IOException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="message">What, where, and the next step.</param>
    public PortOpenException(string interfaceName, string message)
        : base(message)
    {
        InterfaceName = interfaceName;
    }

    /// <summary>The interface that was asked for.</summary>
    public string InterfaceName { get; }
}
