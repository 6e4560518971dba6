using Oko.Datapath.Packet;
using Oko.Datapath.Tables;

namespace Oko.Datapath.Tests.Tables;

/// <summary>Masks are shared by all patterns of the process, so by the control threads of several datapaths.</summary>
public class FlowMaskTests
{
    /// <summary>A second form would be the mask's, and the first, which entries refer to by address, nobody's.</summary>
    [Test]
    public void Form_AskedForByTwoThreadsAtOnce_IsOne()
    {
        const int Masks = 5000;
        var masks = Enumerable.Range(1, Masks).Select(number => FlowMask.Of([(ulong)number << 16, .. new ulong[FlowKey.WordCount - 1]])).ToArray();
        using var barrier = new Barrier(2);
        var others = new KeyMask[Masks];
        var thread = new Thread(() => Take(others));
        thread.Start();
        var own = new KeyMask[Masks];
        Take(own);
        thread.Join();
        own.Zip(others).Should().OnlyContain(pair => ReferenceEquals(pair.First, pair.Second));

        void Take(KeyMask[] forms)
        {
            for (var index = 0; index < Masks; index++)
            {
                barrier.SignalAndWait();
                forms[index] = masks[index].Form;
            }
        }
    }
}
