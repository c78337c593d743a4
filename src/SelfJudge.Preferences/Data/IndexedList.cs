using System.Collections;

namespace SelfJudge.Preferences.Data;

/// <summary>Some items of a list, in an order of their own: each is asked of that list when it is read.</summary>
/// <param name="item">The item at a place of the list.</param>
/// <param name="places">One for each item of this list.</param>
internal sealed class IndexedList<T>(Func<int, T> item, IReadOnlyList<int> places) : IReadOnlyList<T>
{
    public int Count => places.Count;

    public T this[int index] => item(places[index]);

    public IEnumerator<T> GetEnumerator() => places.Select(item).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
