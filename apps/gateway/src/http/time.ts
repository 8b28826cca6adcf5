/** ISO 8601 in UTC; a fraction of a second is written only when there is one: '2024-03-15T10:00:00Z', '...00.250Z'. */
export const instant = (iso: string): string => (iso.endsWith('.000Z') ? `${iso.slice(0, -5)}Z` : iso);
export const instantOrNull = (iso: string | null): string | null => (iso === null ? null : instant(iso));
