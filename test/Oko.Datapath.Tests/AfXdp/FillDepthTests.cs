using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Tests.AfXdp;

/// <summary>How many chunks a socket leaves with the kernel.</summary>
public sealed class FillDepthTests
{
    [Test]
    public void Depth_OfANewSocket_IsAllThatIsGranted() => new Kernel(8192).Chunks.Should().Be(8192);

    [Test]
    public void Depth_OfAWorkerThatKeepsUp_StaysAsItIs() => new Kernel(8192).Receive(640_000, isBehind: false).Should().Be(8192);

    [Test]
    public void Depth_OfAWorkerThatIsBehind_FallsToTheLeastAndRisesAgain()
    {
        var kernel = new Kernel(8192);
        kernel.Receive(6400, isBehind: true).Should().Be(8192 - (6400 / 16), "a pause is made up for before much has changed");
        kernel.Receive(160_000, isBehind: true).Should().Be(2048);
        kernel.Receive(640_000, isBehind: true).Should().Be(2048);

        kernel.Receive(6400, isBehind: false).Should().Be(2048 + (6400 / 4));
        kernel.Receive(64_000, isBehind: false).Should().Be(8192);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Depth_OfASmallGrant_IsThatGrant(bool isBehind) => new Kernel(128).Receive(64_000, isBehind).Should().Be(128);

    /// <summary>Takes chunks and gives them back with packets, in batches of 64.</summary>
    private sealed class Kernel
    {
        private FillDepth _depth;

        public Kernel(int granted)
        {
            _depth = new FillDepth(granted);
            _depth.Most.Should().Be(granted);
            Refill();
        }

        public uint Chunks { get; private set; }

        public uint Receive(int packets, bool isBehind)
        {
            for (var received = 0; received < packets; received += 64)
            {
                _depth.Take(64, isBehind);
                Chunks -= 64;
                Refill();
            }

            return Chunks;
        }

        private void Refill()
        {
            var room = _depth.Room;
            _depth.Post(room);
            Chunks += room;
        }
    }
}
