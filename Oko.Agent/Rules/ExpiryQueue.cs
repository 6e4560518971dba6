namespace Oko.Agent.Rules;

/// <summary>
/// The rules with timeouts, by the time at which each may expire first. Control thread only.
/// </summary>
/// <remarks>A packet moves the idle deadline of its rule without telling anybody. So a rule that comes due is asked for
/// its deadline again and put back if that has moved: each rule costs one heap operation per idle timeout, however many
/// packets it forwards, and a rule never goes early. Rules that were removed or replaced leave stale heap entries, which are
/// known by their deadline and swept when they outnumber the live ones.</remarks>
internal sealed class ExpiryQueue
{
    private PriorityQueue<Rule, long> _heap = new();
    private int _live;

    /// <summary>Starts watching a rule, or watches it under changed timeouts.</summary>
    public void Watch(Rule rule)
    {
        Forget(rule);
        var deadline = rule.DeadlineNanoseconds;
        if (deadline == long.MaxValue)
        {
            return;
        }

        rule.QueuedDeadline = deadline;
        _live++;
        _heap.Enqueue(rule, deadline);
        if (_heap.Count > 2 * _live + 1024)
        {
            Sweep();
        }
    }

    /// <summary>Stops watching a rule.</summary>
    public void Forget(Rule rule)
    {
        if (rule.QueuedDeadline != long.MaxValue)
        {
            rule.QueuedDeadline = long.MaxValue;
            _live--;
        }
    }

    /// <summary>Takes one rule whose deadline has passed; null when there is none.</summary>
    /// <param name="nowNanoseconds">The datapath's clock.</param>
    public Rule? TakeExpired(long nowNanoseconds)
    {
        while (_heap.TryPeek(out var rule, out var queued) && queued <= nowNanoseconds)
        {
            _heap.Dequeue();
            if (rule.QueuedDeadline != queued)
            {
                continue;
            }

            Forget(rule);
            if (rule.DeadlineNanoseconds <= nowNanoseconds)
            {
                return rule;
            }

            Watch(rule);
        }

        return null;
    }

    private void Sweep()
    {
        var live = new List<(Rule, long)>(_live);
        foreach (var (rule, queued) in _heap.UnorderedItems)
        {
            if (rule.QueuedDeadline == queued)
            {
                live.Add((rule, queued));
            }
        }

        _heap = new PriorityQueue<Rule, long>(live);
    }
}
