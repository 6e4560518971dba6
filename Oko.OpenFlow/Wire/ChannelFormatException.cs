namespace Oko.OpenFlow.Wire;

/// <summary>The stream of a peer cannot be trusted any more (a length below 8, a wrong version): it costs the connection.</summary>
public sealed class ChannelFormatException(string message) : Exception(message);
