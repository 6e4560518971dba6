using Oko.OpenFlow.Channel;

namespace Oko.OpenFlow.Tests.Channel;

public class OpenFlowEndpointTests
{
    [TestCase("tcp:127.0.0.1", false, "127.0.0.1", 6653, EndpointAwareness.Auto)]
    [TestCase("tcp:1.2.3.4:6633", false, "1.2.3.4", 6633, EndpointAwareness.Auto)]
    [TestCase("tcp:controller.example:6653?oko=hide", false, "controller.example", 6653, EndpointAwareness.Hide)]
    [TestCase("tcp:[::1]:7000?oko=aware", false, "::1", 7000, EndpointAwareness.Aware)]
    [TestCase("tcp:[::1]", false, "::1", 6653, EndpointAwareness.Auto)]
    [TestCase("ptcp:", true, "0.0.0.0", 6653, EndpointAwareness.Auto)]
    [TestCase("ptcp:0", true, "0.0.0.0", 0, EndpointAwareness.Auto)]
    [TestCase("ptcp:6654:127.0.0.1?oko=strip", true, "127.0.0.1", 6654, EndpointAwareness.Strip)]
    [TestCase("ptcp::127.0.0.1", true, "127.0.0.1", 6653, EndpointAwareness.Auto)]
    [TestCase("ptcp:6654:[::1]", true, "::1", 6654, EndpointAwareness.Auto)]
    public void Parse_ValidAddress_IsReadAndWrittenBack(string text, bool isListener, string host, int port, EndpointAwareness awareness)
    {
        var endpoint = OpenFlowEndpoint.Parse(text);
        endpoint.IsListener.Should().Be(isListener);
        endpoint.Host.Should().Be(host);
        endpoint.Port.Should().Be(port);
        endpoint.Awareness.Should().Be(awareness);
        OpenFlowEndpoint.Parse(endpoint.ToString()).Should().Be(endpoint);
    }

    [TestCase("tcp:1.2.3.4", 0, EndpointAwareness.Auto)]
    [TestCase("tcp:1.2.3.4?aux=2", 2, EndpointAwareness.Auto)]
    [TestCase("ssl:1.2.3.4?aux=1&oko=hide", 1, EndpointAwareness.Hide)]
    public void Parse_Options_AreReadAndWrittenBack(string text, int auxiliaries, EndpointAwareness awareness)
    {
        var endpoint = OpenFlowEndpoint.Parse(text);
        endpoint.AuxiliaryCount.Should().Be(auxiliaries);
        endpoint.Awareness.Should().Be(awareness);
        OpenFlowEndpoint.Parse(endpoint.ToString()).Should().Be(endpoint);
    }

    [TestCase("tcp:1.2.3.4", false, false)]
    [TestCase("ssl:1.2.3.4", true, false)]
    [TestCase("SSL:[::1]:6653", true, false)]
    [TestCase("ptcp:", false, true)]
    [TestCase("pssl:", true, true)]
    [TestCase("pssl:6654:127.0.0.1?oko=hide", true, true)]
    public void Parse_Scheme_SaysWhetherWithTlsAndWhetherToListen(string text, bool isSecure, bool isListener)
    {
        var endpoint = OpenFlowEndpoint.Parse(text);
        endpoint.IsSecure.Should().Be(isSecure);
        endpoint.IsListener.Should().Be(isListener);
        OpenFlowEndpoint.Parse(endpoint.ToString()).Should().Be(endpoint);
    }

    [TestCase("", "none of 'tcp:', 'ssl:', 'ptcp:', 'pssl:'")]
    [TestCase("ptcp", "none of 'tcp:', 'ssl:', 'ptcp:', 'pssl:'")]
    [TestCase("tls:1.2.3.4", "none of 'tcp:', 'ssl:', 'ptcp:', 'pssl:'")]
    [TestCase("ssl:", "host is missing")]
    [TestCase("pssl:6653:somewhere", "not an IP address")]
    [TestCase("tcp:", "host is missing")]
    [TestCase("tcp:1.2.3.4:0", "from 1 to 65535")]
    [TestCase("tcp:1.2.3.4:65536", "from 1 to 65535")]
    [TestCase("tcp:1.2.3.4:+5", "from 1 to 65535")]
    [TestCase("tcp:1.2.3.4:5:6", "more than one colon")]
    [TestCase("tcp:a b", "neither a host name")]
    [TestCase("tcp:[::1", "not closed")]
    [TestCase("tcp:[1.2.3.4]:5", "not an IPv6 address")]
    [TestCase("tcp:[::1]x", "not a port")]
    [TestCase("ptcp:x", "from 0 to 65535")]
    [TestCase("ptcp:6653:somewhere", "not an IP address")]
    [TestCase("tcp:1.2.3.4?oko=maybe", "option 'oko=maybe' is unknown")]
    [TestCase("tcp:1.2.3.4?x=1", "option 'x=1' is unknown")]
    [TestCase("tcp:1.2.3.4?aux=4", "option 'aux=4' is unknown")]
    [TestCase("tcp:1.2.3.4?oko=aware&aux=", "option 'aux=' is unknown")]
    [TestCase("ptcp:6653?aux=1", "not to a listener")]
    public void Parse_InvalidAddress_SaysWhatIsWrongAndWhatIsAllowed(string text, string expected)
    {
        FluentActions.Invoking(() => OpenFlowEndpoint.Parse(text)).Should().Throw<FormatException>()
            .Which.Message.Should().Contain(expected).And.Contain("Allowed: tcp:HOST[:PORT] or ptcp:[PORT][:HOST]");
    }
}
