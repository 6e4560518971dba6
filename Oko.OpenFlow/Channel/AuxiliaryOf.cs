namespace Oko.OpenFlow.Channel;

/// <summary>What makes a connection an auxiliary one. Immutable.</summary>
/// <param name="Main">The main connection, agreed on.</param>
/// <param name="Id">Its number, from 1.</param>
/// <remarks>Source: OpenFlow 1.3.5, 6.3.7 "Auxiliary Connections".</remarks>
internal sealed record AuxiliaryOf(OpenFlowConnection Main, byte Id);
