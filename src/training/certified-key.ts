/** Name of a certified accuracy in metrics.jsonl. */
export const certifiedKey = (radius: number): string => `val_certified_accuracy_${radius}`
