namespace Oko.Agent.Tests.WholePath;

/// <summary>What real controllers say when they meet a switch, in their bytes and their order, and every byte they get to hear.</summary>
public class TranscriptTests
{
    [TestCaseSource(typeof(TranscriptPlayer), nameof(TranscriptPlayer.All))]
    public async Task Transcript_Replayed_EveryByteOfTheSwitchIsAsWritten(string name)
    {
        await using var bench = await SwitchBench.StartAsync();
        await using var player = new TranscriptPlayer(bench);
        await player.PlayAsync(name);
    }
}
