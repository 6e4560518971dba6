namespace Oko.OpenFlow.Channel;

/// <summary>How connections of an endpoint see flow entries that name a filter: the <c>?oko=</c> option of its address.</summary>
/// <remarks>Source: Oko.OpenFlow/OkoExtension/README.md, 1 "Awareness".</remarks>
public enum EndpointAwareness
{
    /// <summary><c>auto</c>, the default: by what the peer sends; until then listeners strip and controllers hide.</summary>
    Auto,

    /// <summary><c>aware</c>: the peer knows the extension from the first byte on.</summary>
    Aware,

    /// <summary><c>strip</c>: entries with a filter are shown without the field, whatever the peer sends.</summary>
    Strip,

    /// <summary><c>hide</c>: entries with a filter are not shown, whatever the peer sends.</summary>
    Hide,
}
