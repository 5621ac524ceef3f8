using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.Checks;

/// <summary>The books: every entry sums to zero, its postings are its lines, and all lines together are the target function of the source.</summary>
internal static class BooksCheck
{
    public static string? Balance(Books books)
    {
        foreach (var entry in books.Entries)
        {
            if (entry.Postings.Values.Sum(amount => (decimal)amount.Value) != 0) return $"entry {entry.Id} does not sum to zero";
            foreach (var creator in entry.Lines.GroupBy(line => line.Creator.Value))
            {
                if (entry.Postings[creator.Key].Value != creator.Sum(line => line.Amount.Value))
                    return $"entry {entry.Id}: creator {creator.Key} was booked {entry.Postings[creator.Key]}, which is not the sum of the lines";
            }
        }
        return null;
    }

    public static string? Difference(Truth truth, Books books)
    {
        var paid = books.DayStates.Where(state => state.Value.PostedAt is not null).Select(state => state.Key).ToHashSet();
        var posted = new Dictionary<(PriceKind, long, BusinessDay, long), (long Units, Int128 Amount)>();
        foreach (var entry in books.Entries)
        {
            foreach (var line in entry.Lines)
            {
                var key = (entry.Kind, line.Content.Value, line.Day, line.Creator.Value);
                var sum = posted.GetValueOrDefault(key);
                posted[key] = (sum.Units + line.Units, sum.Amount + line.Amount.Value);
            }
        }
        foreach (var nothing in posted.Where(entry => entry.Value == (0, 0)).Select(entry => entry.Key).ToList()) posted.Remove(nothing);
        return RollupCheck.Difference("payouts", truth.Payouts(paid), posted);
    }

    /// <summary>A day without open dead letters is in the books at its newest attempt.</summary>
    public static string? Unposted(IEnumerable<BusinessDay> days, RollupTables rollups, Books books)
    {
        var letters = rollups.DeadLetters.Where(letter => letter.IsOpen).Select(letter => letter.Letter.Poison.Day).ToHashSet();
        if (letters.Contains(null)) return null;
        foreach (var day in days.Union(rollups.Days).Where(day => !letters.Contains(day)))
        {
            var newest = rollups.Seals.Keys.Where(seal => seal.Day == day).Select(seal => seal.Attempt).DefaultIfEmpty(0).Max();
            var record = books.DayStates.GetValueOrDefault(day, DayRecord.New);
            if (record.Status != DayStatus.Posted || record.Attempt != newest)
                return $"{day} is {record.Status} at attempt {record.Attempt} of {newest}, after {record.Repairs} repairs: {record.Detail}";
        }
        return null;
    }
}
