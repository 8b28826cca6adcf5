/** A queue ordered by time; equal times keep no order. */
export class Heap<T> {
  readonly #items: { at: number; value: T }[] = [];

  get size(): number {
    return this.#items.length;
  }
  peek(): { readonly at: number; readonly value: T } | undefined {
    return this.#items[0];
  }

  push(at: number, value: T): void {
    const items = this.#items;
    let i = items.push({ at, value }) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (items[parent]!.at <= at) break;
      this.#swap(i, parent);
      i = parent;
    }
  }

  pop(): { readonly at: number; readonly value: T } | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    items[0] = last;
    for (let i = 0; ;) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      let least = i;
      if (left < items.length && items[left]!.at < items[least]!.at) least = left;
      if (right < items.length && items[right]!.at < items[least]!.at) least = right;
      if (least === i) return top;
      this.#swap(i, least);
      i = least;
    }
  }

  clear(): void {
    this.#items.length = 0;
  }

  #swap(a: number, b: number): void {
    [this.#items[a], this.#items[b]] = [this.#items[b]!, this.#items[a]!];
  }
}
