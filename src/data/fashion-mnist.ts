import type { DatasetDefinition } from './definition.ts'
import { idxSet } from './idx-set.ts'

/** Zalando's article images: Xiao, Rasul, Vollgraf, arXiv:1708.07747. */
export const fashionMnist: DatasetDefinition = idxSet({
  name: 'fashion-mnist',
  title: 'Fashion-MNIST',
  licence: 'MIT, Zalando SE',
  classes: ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  homes: [
    'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion',
    'https://fashion-mnist.s3.eu-central-1.amazonaws.com',
  ],
  sha256: {
    train: [
      'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
      'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
    ],
    test: [
      '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
      '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
    ],
  },
})
